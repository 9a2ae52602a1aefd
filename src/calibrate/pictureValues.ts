/** What the values of pictures in files mean. */
import { FormatError } from '../errors.js';
import type { Dtype } from '../weights/dtypes.js';

export interface Pictures {
  /** images x channels x height x width; values beyond [-1, 1] count as clamped. */
  readonly data: Float32Array;
  readonly shape: readonly [images: number, channels: number, height: number, width: number];
}

/** Pictures of bytes: v / 127.5 - 1. */
export function fromByte(byte: number): number {
  return byte / 127.5 - 1;
}

/** Throws a `FormatError` unless elements are bytes or floats: other integers leave open what black and white are. */
export function requirePictureType(name: string, dtype: Dtype): void {
  if (dtype !== 'U8' && !/F(16|32|64)$/.test(dtype))
    throw new FormatError(`${name} is of type ${dtype}; expected bytes (U8) or floats in [-1, 1]`);
}

/** Samples go beyond [-1, 1] a little; values beyond this are of another scale, 0 to 255 for example. */
const FURTHEST = 4;

/** The range of the values of pictures, as far as they were seen. */
export class PictureRange {
  low = Number.POSITIVE_INFINITY;
  high = Number.NEGATIVE_INFINITY;

  /** `bounded` is false for latents, which may have any finite value. */
  constructor(
    readonly name: string,
    readonly bounded = true,
  ) {}

  /** Throws a `FormatError` for values that are not finite or cannot be pictures in [-1, 1]. */
  add(values: Float32Array): void {
    for (const value of values) {
      if (!Number.isFinite(value))
        throw new FormatError(`${this.name} holds ${value}; expected pictures in [-1, 1]`);
      if (value < this.low) this.low = value;
      if (value > this.high) this.high = value;
    }
    if (!this.bounded || Math.max(-this.low, this.high) <= FURTHEST) return;
    throw new FormatError(
      `${this.name} holds floats from ${round(this.low)} to ${round(this.high)}; expected pictures in [-1, 1], or bytes (U8) of 0 to 255`,
    );
  }

  /** A sentence for floats that may be of 0 to 1, and undefined for others. */
  get doubt(): string | undefined {
    if (!this.bounded || this.low < 0 || this.high < this.low) return undefined;
    return `${this.name} holds no negative value; its floats are taken as they are, black is -1 and white 1`;
  }
}

function round(value: number): number {
  return Number(value.toPrecision(4));
}
