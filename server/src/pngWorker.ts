/** What runs in the threads of `PngEncoder`. */
import { encode } from 'fast-png';
import { move } from 'piscina';

/** The parts of a picture of which a PNG is made. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
  readonly data: Uint8Array;
}

export default function encodePng(pixels: Pixels): unknown {
  // A copy: the encoder's own memory may be larger than what it has filled. It is given away, not copied again.
  return move(encode(pixels).slice());
}
