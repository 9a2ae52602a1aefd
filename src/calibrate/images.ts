/** Calibration images from a file. */
import { ArgumentError, FormatError } from '../errors.js';
import type { Network } from '../models/network.js';
import { type Dtype, widenToFloat32 } from '../weights/dtypes.js';
import { NpzFile } from '../weights/npz.js';
import { SafetensorsFile } from '../weights/safetensors.js';
import { fromByte, PictureRange, requirePictureType } from './pictureValues.js';

export interface CalibrationImages {
  /** x0 in [-1, 1], images x channels x height x width. */
  readonly images: Float32Array;
  readonly labels: readonly number[];
}

/** Whether the file has `images` of the size that the model takes, or none that could be pictures of another size. */
export function holdsModelImages(path: string, { latents }: Network): boolean {
  if (path.endsWith('.npz')) {
    using file = NpzFile.open(path);
    if (!file.has('images')) return !file.has('arr_0');
  }
  using file = openImages(path);
  const [, channels, height, width] = file.shape;
  if (channels !== 1 && channels !== 3) return true;
  return channels === latents.channels && height === latents.height && width === latents.width;
}

/** A file that is open, of which nothing but shapes has been read. */
interface ImagesFile extends Disposable {
  readonly shape: readonly number[];
  readonly dtype: Dtype;
  read(): Uint8Array;
  labels(): number[];
}

/**
 * `images` (images x channels x height x width, bytes, or floats in [-1, 1] or of latents) and `labels` from a
 * .safetensors or .npz file. Throws a `FormatError` when they are missing, not of the model's size, or floats of
 * another range. `onDoubt` is called with a sentence about floats that may be of 0 to 1.
 */
export function loadCalibrationImages(
  path: string,
  network: Network,
  onDoubt?: (sentence: string) => void,
): CalibrationImages {
  using file = openImages(path);
  const { shape, dtype } = file;
  const { channels, height, width } = network.latents;
  const size = [channels, height, width];
  const refused = (images: number) =>
    new FormatError(
      `${path}: 'images' has shape [${shape}]; expected [${[images, ...size]}], one for each label`,
    );
  // Before anything is read: a small file may claim arrays that unpack to gigabytes.
  if (shape.slice(1).join() !== size.join()) throw refused(shape[0] ?? 1);
  const labels = file.labels();
  if (shape[0] !== labels.length) throw refused(labels.length);
  const name = `${path}: 'images'`;
  requirePictureType(name, dtype);
  const values = widenToFloat32(dtype, file.read());
  if (dtype === 'U8') return { images: values.map(fromByte), labels };
  // Latents have no range of their own.
  const range = new PictureRange(name, channels === 1 || channels === 3);
  range.add(values);
  if (range.doubt !== undefined) onDoubt?.(range.doubt);
  return { images: values, labels };
}

function openImages(path: string): ImagesFile {
  if (typeof path !== 'string') throw new ArgumentError('images', path, 'a path');
  if (path.endsWith('.npz')) return openNpz(path);
  if (path.endsWith('.safetensors')) return openSafetensors(path);
  throw new ArgumentError('images', path, 'a .safetensors or .npz file');
}

function openSafetensors(path: string): ImagesFile {
  const file = SafetensorsFile.open(path);
  return orClose(file, () => ({
    ...file.entry('images'),
    read: () => file.readBytes('images'),
    labels: () => file.readIntegers('labels'),
    [Symbol.dispose]: () => file.close(),
  }));
}

function openNpz(path: string): ImagesFile {
  const file = NpzFile.open(path);
  return orClose(file, () => {
    if (!file.has('images') || !file.has('labels'))
      throw new FormatError(`${path} must hold arrays 'images' and 'labels'`);
    return {
      ...file.header('images'),
      read: () => file.readBytes('images'),
      labels: () => file.readIntegers('labels'),
      [Symbol.dispose]: () => file.close(),
    };
  });
}

function orClose<T>(file: { close(): void }, action: () => T): T {
  try {
    return action();
  } catch (error) {
    file.close();
    throw error;
  }
}
