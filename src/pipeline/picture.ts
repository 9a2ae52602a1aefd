/** A picture as people have it: bytes, width and height, to be saved or shown. */
import { ArgumentError, requireInteger } from '../errors.js';
import { writeFileAtomic } from '../weights/atomicFile.js';
import { encodePng } from './png.js';

export class Picture {
  /** height x width x channels, row-major from the top, 0 to 255. */
  readonly data: Uint8Array;

  /** Throws an `ArgumentError` where `data` does not fill the picture. */
  constructor(
    readonly width: number,
    readonly height: number,
    /** 1 (grey) or 3 (red, green, blue). */
    readonly channels: 1 | 3,
    data: Uint8Array,
  ) {
    if (data.length !== width * height * channels)
      throw new ArgumentError(
        'data',
        `${data.length} bytes`,
        `${width * height * channels}, for ${width} x ${height} pixels with ${channels} each`,
      );
    this.data = data;
  }

  /** As a PNG file. */
  toPng(): Uint8Array {
    const { width, height, channels, data } = this;
    return encodePng(width, height, channels, data);
  }

  /** Writes a PNG, whole or not at all. Rejects with an `IncacheError` that names the path. */
  async save(path: string): Promise<void> {
    writeFileAtomic(path, this.toPng());
  }
}

/** Whether so many channels are those of a picture. */
export function isPictureSpace(channels: number): channels is 1 | 3 {
  return channels === 1 || channels === 3;
}

/** The byte of a value in [-1, 1]: 0 to 255, clamped and rounded. */
export function toByte(value: number): number {
  return Math.round((Math.min(1, Math.max(-1, value)) + 1) * 127.5);
}

/** Pictures of planes: images x channels x height x width, values in [-1, 1] (what lies beyond is clamped). */
export function picturesOf(
  planes: Float32Array,
  [images, channels, height, width]: readonly [number, number, number, number],
): Picture[] {
  if (!isPictureSpace(channels))
    throw new ArgumentError('planes', `of ${channels} channels`, '1 or 3 channels');
  const pixels = height * width;
  return Array.from({ length: images }, (_, image) => {
    const data = new Uint8Array(pixels * channels);
    for (let c = 0; c < channels; c++) {
      const start = (image * channels + c) * pixels;
      for (let i = 0; i < pixels; i++) data[i * channels + c] = toByte(planes[start + i]!);
    }
    return new Picture(width, height, channels, data);
  });
}

/** Pixels between the pictures of a grid, and what shows there. */
const GAP = 2;
const BACKGROUND = 255;

/**
 * Pictures of one size side by side, `columns` in a row, with lines between and around them. One picture stays as it is.
 * Throws an `ArgumentError` where there is none, or one differs in size or channels from the first.
 */
export function grid(pictures: readonly Picture[], columns: number): Picture {
  const [first] = pictures;
  if (!first) throw new ArgumentError('pictures', 'empty', 'at least one picture');
  requireInteger('columns', columns, 1);
  const { width, height, channels } = first;
  const odd = pictures.findIndex(
    (each) => each.width !== width || each.height !== height || each.channels !== channels,
  );
  if (odd > 0)
    throw new ArgumentError(
      `pictures[${odd}]`,
      `${pictures[odd]!.width} x ${pictures[odd]!.height} of ${pictures[odd]!.channels} channels`,
      `${width} x ${height} of ${channels} channels, like the first`,
    );
  if (pictures.length === 1) return first;
  const across = Math.min(columns, pictures.length);
  const down = Math.ceil(pictures.length / across);
  const [fullWidth, fullHeight] = [across * (width + GAP) + GAP, down * (height + GAP) + GAP];
  const data = new Uint8Array(fullWidth * fullHeight * channels).fill(BACKGROUND);
  for (const [place, picture] of pictures.entries()) {
    const left = GAP + (place % across) * (width + GAP);
    const top = GAP + Math.floor(place / across) * (height + GAP);
    const line = width * channels;
    for (let y = 0; y < height; y++)
      data.set(picture.data.subarray(y * line, (y + 1) * line), ((top + y) * fullWidth + left) * channels);
  }
  return new Picture(fullWidth, fullHeight, channels, data);
}
