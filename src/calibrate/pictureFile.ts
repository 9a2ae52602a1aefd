/** Pictures in files, a batch at a time: shape and type are known before any pixel is read. */
import { FormatError } from '../errors.js';
import { type Dtype, widenToFloat32 } from '../weights/dtypes.js';
import type { NpzFile } from '../weights/npz.js';
import type { SafetensorsFile } from '../weights/safetensors.js';
import { fromByte, type Pictures, requirePictureType } from './pictureValues.js';

export interface PictureSource {
  readonly shape: Pictures['shape'];
  /** Three equal colours count as one, so that a batch may have one channel where `shape` has three. */
  readonly greyAsOne: boolean;
  /** Bytes are pictures whatever they are; floats are believed to be in [-1, 1]. */
  readonly bytes: boolean;
  /** What error messages call it. */
  readonly name: string;
  batches(count: number): Iterable<Pictures>;
}

/**
 * `arr_0` as ADM has it (uint8, images x height x width x channels), else `samples` or `images`; undefined when there
 * is none of them. Throws a `FormatError` for a shape or type that is not of pictures.
 */
export function npzPictures(file: NpzFile): PictureSource | undefined {
  const name = ['arr_0', 'samples', 'images'].find((array) => file.has(array));
  if (name === undefined) return undefined;
  const { shape, dtype } = file.header(name);
  const rows = (count: number) => file.rows(name, count);
  if (name === 'arr_0') return channelsLast(file.path, shape, dtype, rows);
  return channelsFirst(`${file.path}: '${name}'`, shape, dtype, rows);
}

/** `images` of the file, images x channels x height x width. Throws as `npzPictures` does. */
export function safetensorsPictures(file: SafetensorsFile): PictureSource {
  const { shape, dtype, byteLength } = file.entry('images');
  const rowBytes = byteLength / Math.max(1, shape[0] ?? 1);
  return channelsFirst(`${file.path}: 'images'`, shape, dtype, function* (count) {
    for (let start = 0; start < byteLength; start += count * rowBytes)
      yield file.readBytes('images', new Uint8Array(count * rowBytes), start);
  });
}

function channelsFirst(
  name: string,
  shape: readonly number[],
  dtype: Dtype,
  rows: (count: number) => Iterable<Uint8Array>,
): PictureSource {
  const [images, channels, height, width] = shape;
  if (shape.length !== 4 || (channels !== 1 && channels !== 3))
    throw new FormatError(`${name} has shape [${shape}]; expected images x 1 or 3 channels x height x width`);
  requirePictureType(name, dtype);
  const size = [channels, height!, width!] as const;
  const bytes = dtype === 'U8';
  return {
    shape: [images!, ...size],
    greyAsOne: false,
    bytes,
    name,
    *batches(count) {
      for (const piece of rows(count)) {
        const data = widenToFloat32(dtype, piece);
        yield {
          data: bytes ? data.map(fromByte) : data,
          shape: [data.length / (channels * height! * width!), ...size],
        };
      }
    },
  };
}

/** Pictures of three equal colours are grey ones that were repeated for ADM's evaluator: one channel is kept. */
function channelsLast(
  path: string,
  shape: readonly number[],
  dtype: Dtype,
  rows: (count: number) => Iterable<Uint8Array>,
): PictureSource {
  const [images, height, width, channels] = shape as [number, number, number, number];
  if (shape.length !== 4 || dtype !== 'U8' || (channels !== 1 && channels !== 3))
    throw new FormatError(
      `${path}: 'arr_0' has shape [${shape}] and type ${dtype}; expected U8, images x height x width x 1 or 3 channels`,
    );
  return {
    shape: [images, channels, height, width],
    greyAsOne: channels === 3,
    bytes: true,
    name: `${path}: 'arr_0'`,
    *batches(count) {
      for (const piece of rows(count)) {
        const kept = channels === 3 && isGrey(piece) ? 1 : channels;
        const here = piece.length / (channels * height * width);
        yield {
          data: planes(piece, here, height * width, channels, kept),
          shape: [here, kept, height, width],
        };
      }
    },
  };
}

function planes(
  bytes: Uint8Array,
  images: number,
  places: number,
  channels: number,
  kept: number,
): Float32Array {
  const out = new Float32Array(images * kept * places);
  for (let image = 0; image < images; image++)
    for (let c = 0; c < kept; c++)
      for (let place = 0; place < places; place++)
        out[(image * kept + c) * places + place] = fromByte(bytes[(image * places + place) * channels + c]!);
  return out;
}

function isGrey(colours: Uint8Array): boolean {
  for (let i = 0; i < colours.length; i += 3)
    if (colours[i] !== colours[i + 1] || colours[i] !== colours[i + 2]) return false;
  return true;
}
