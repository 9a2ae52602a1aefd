/** Calibration data of a model of latents: pictures from a file, encoded by the model's autoencoder. */
import { normals } from '../diffusion/philox.js';
import type { Autoencoder } from '../engine/autoencoder.js';
import { FormatError, requireInteger } from '../errors.js';
import { classesOf, latentSize, type Network } from '../models/network.js';
import { scaleOf } from '../models/vae/config.js';
import { type OptionNames, requireOptions } from '../optionNames.js';
import { NpzFile } from '../weights/npz.js';
import { SafetensorsFile } from '../weights/safetensors.js';
import type { CalibrationImages } from './images.js';
import { npzPictures, type PictureSource, safetensorsPictures } from './pictureFile.js';
import { PictureRange, type Pictures } from './pictureValues.js';

export interface EncodeImagesOptions {
  /** The first so many pictures of the file. Default: all. */
  readonly count?: number;
  /** Seed of the noise that latents are drawn with. Default 0. */
  readonly seed?: number;
  readonly signal?: AbortSignal;
  /** Called when a picture is encoded, with the number of those that are, and of all. */
  readonly onImage?: (done: number, count: number) => void;
  /** Called with a sentence about what is odd but may be meant. */
  readonly onDoubt?: (sentence: string) => void;
}

const OPTION_NAMES: OptionNames<EncodeImagesOptions> = {
  count: true,
  seed: true,
  signal: true,
  onImage: true,
  onDoubt: true,
};

/** Stream of the counter-based generator; `imageSource` takes streams 0 and 1. */
const ENCODING_STREAM = 2;

/**
 * Latents of the pictures in a file, drawn from the distribution that the encoder gives, as Meta's train.py trains on:
 * mean + standard deviation * noise, where the noise of image i depends on `seed` and i alone. The file holds `images`
 * (images x 3 x height x width, bytes or floats in [-1, 1]) in .safetensors or .npz, or `arr_0` (bytes, images x height x width x
 * 3) in .npz, and the classes as `labels` or `arr_1`; without them every image is one of the null class.
 *
 * Rejects with a `FormatError` for pictures of another size than the model's input in pixels, or as many labels as there are
 * not pictures, with an `IncacheError` where the autoencoder has no encoder, and with the reason of `signal`.
 */
export async function encodeCalibrationImages(
  path: string,
  network: Network,
  autoencoder: Autoencoder,
  options: EncodeImagesOptions = {},
): Promise<CalibrationImages> {
  requireOptions('options', options, OPTION_NAMES);
  const { seed = 0, signal, onImage, onDoubt } = options;
  if (options.count !== undefined) requireInteger('count', options.count, 1);
  requireInteger('seed', seed, 0);
  using file = openPictures(path);
  const { pictures } = file;
  requireSize(pictures, network, autoencoder);
  const labels = labelsOf(file, network, onDoubt);
  const count = Math.min(options.count ?? labels.length, labels.length);
  const size = latentSize(network);
  const images = new Float32Array(count * size);
  const range = new PictureRange(pictures.name, !pictures.bytes);
  let image = 0;
  for (const batch of pictures.batches(1)) {
    if (image === count) break;
    signal?.throwIfAborted();
    if (!pictures.bytes) range.add(batch.data);
    const { mean, standardDeviation } = await autoencoder.encode(...inColour(batch, pictures.shape[1]));
    const noise = normals(seed, ENCODING_STREAM, image, size);
    for (let i = 0; i < size; i++) images[image * size + i] = mean[i]! + standardDeviation[i]! * noise[i]!;
    image++;
    onImage?.(image, count);
  }
  if (range.doubt !== undefined) onDoubt?.(range.doubt);
  return { images, labels: labels.slice(0, count) };
}

/** A file that is open, of which nothing but shapes has been read. */
interface PicturesFile extends Disposable {
  readonly path: string;
  readonly pictures: PictureSource;
  /** Undefined where there are none. */
  labels(): number[] | undefined;
}

function openPictures(path: string): PicturesFile {
  const file = path.endsWith('.npz') ? NpzFile.open(path) : SafetensorsFile.open(path);
  try {
    const isNpz = file instanceof NpzFile;
    const pictures = isNpz ? npzPictures(file) : safetensorsPictures(file);
    if (!pictures) throw new FormatError(`${path} has no pictures: neither 'images' nor 'arr_0'`);
    const names: readonly string[] = file.names;
    const name = (isNpz ? ['labels', 'arr_1'] : ['labels']).find((each) => names.includes(each));
    return {
      path,
      pictures,
      labels: () => (name === undefined ? undefined : file.readIntegers(name)),
      [Symbol.dispose]: () => file.close(),
    };
  } catch (error) {
    file.close();
    throw error;
  }
}

function requireSize({ name, shape }: PictureSource, { latents }: Network, { config }: Autoencoder): void {
  const [, channels, height, width] = shape;
  const scale = scaleOf(config);
  const size = [config.imageChannels, latents.height * scale, latents.width * scale];
  if ([channels, height, width].join() === size.join()) return;
  throw new FormatError(
    `${name} holds pictures of ${channels} x ${height} x ${width}; expected ${size.join(' x ')}, ` +
      `whose latents are the ${latents.channels} x ${latents.height} x ${latents.width} of the model`,
  );
}

function labelsOf(
  { path, pictures, labels }: PicturesFile,
  network: Network,
  onDoubt: EncodeImagesOptions['onDoubt'],
): number[] {
  const [images] = pictures.shape;
  const given = labels();
  if (given === undefined) {
    onDoubt?.(`${path} has no labels; its images are shown to the model as those of no class`);
    return new Array<number>(images).fill(classesOf(network));
  }
  if (given.length !== images)
    throw new FormatError(`${path} has ${images} pictures and ${given.length} labels; expected as many`);
  return given;
}

/** Grey pictures that were read as one channel get back their three. */
function inColour({ data, shape }: Pictures, channels: number): [Float32Array, Pictures['shape']] {
  if (shape[1] === channels) return [data, shape];
  const colours = new Float32Array(data.length * channels);
  for (let c = 0; c < channels; c++) colours.set(data, c * data.length);
  return [colours, [1, channels, shape[2], shape[3]]];
}
