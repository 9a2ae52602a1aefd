/** Calibration images from a file. */
import { ArgumentError, FormatError } from '../errors.js';
import type { DiTConfig } from '../models/config.js';
import { readNpz } from '../weights/npz.js';
import { SafetensorsFile } from '../weights/safetensors.js';

export interface CalibrationImages {
  /** x0 in [-1, 1], images x channels x height x width. */
  readonly images: Float32Array;
  readonly labels: readonly number[];
}

interface RawImages {
  readonly shape: readonly number[];
  /** Bytes 0..255 (x = v / 127.5 - 1), or floats taken as they are. */
  readonly data: Float32Array;
  readonly bytes: boolean;
  readonly labels: readonly number[];
}

/**
 * `images` (images x channels x height x width, uint8 or float) and `labels` from a .safetensors or .npz
 * file. Throws a `FormatError` when they are missing or not of the model's size.
 */
export function loadCalibrationImages(path: string, config: DiTConfig): CalibrationImages {
  const raw = readRaw(path);
  const { inChannels, inputSize } = config;
  const expected = [raw.labels.length, inChannels, inputSize, inputSize];
  if (raw.shape.join() !== expected.join())
    throw new FormatError(
      `${path}: 'images' has shape [${raw.shape}]; expected [${expected}], one for each label`,
    );
  return { images: raw.bytes ? raw.data.map((value) => value / 127.5 - 1) : raw.data, labels: raw.labels };
}

function readRaw(path: string): RawImages {
  if (path.endsWith('.npz')) return readRawNpz(path);
  if (path.endsWith('.safetensors')) return readRawSafetensors(path);
  throw new ArgumentError('images', path, 'a .safetensors or .npz file');
}

function readRawSafetensors(path: string): RawImages {
  using file = SafetensorsFile.open(path);
  const { shape, dtype } = file.entry('images');
  return { shape, data: file.read('images'), bytes: dtype === 'U8', labels: file.readIntegers('labels') };
}

function readRawNpz(path: string): RawImages {
  const arrays = readNpz(path);
  const [images, labels] = [arrays.get('images'), arrays.get('labels')];
  if (!images || !labels) throw new FormatError(`${path} must hold arrays 'images' and 'labels'`);
  return {
    shape: images.shape,
    data: Float32Array.from(images.data as ArrayLike<number | bigint>, Number),
    bytes: images.data instanceof Uint8Array,
    labels: Array.from(labels.data as ArrayLike<number | bigint>, Number),
  };
}
