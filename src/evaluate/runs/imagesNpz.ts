/**
 * Images as ADM's evaluator reads them (Dhariwal and Nichol, arXiv 2105.05233): an .npz whose `arr_0` is uint8,
 * images x height x width x 3. Written as a stream, so that it may be larger than memory.
 */
import { ArgumentError, IncacheError } from '../../errors.js';
import { toByte } from '../../pipeline/picture.js';
import { npyHeader } from '../../weights/npy.js';
import { writeNpyEntries } from '../../weights/npz.js';
import type { Pictures } from '../metrics/pictures.js';

/** Colours that the evaluator wants; grey images are repeated. */
const COLOURS = 3;

/** Bytes of one image in `arr_0`. */
export function imageBytes(height: number, width: number): number {
  return height * width * COLOURS;
}

/** Pictures of 1 or 3 channels as rows of `arr_0`, clamped and rounded to bytes. */
export function encodeImages({ data, shape }: Pictures): Uint8Array {
  const [images, channels, height, width] = shape;
  if (channels !== 1 && channels !== COLOURS)
    throw new ArgumentError(
      'pictures',
      `of ${channels} channels`,
      'pictures of 1 or 3; latents need a decoder',
    );
  const places = height * width;
  const bytes = new Uint8Array(images * places * COLOURS);
  for (let image = 0; image < images; image++)
    for (let place = 0; place < places; place++)
      for (let colour = 0; colour < COLOURS; colour++) {
        const channel = channels === 1 ? 0 : colour;
        bytes[(image * places + place) * COLOURS + colour] = toByte(
          data[(image * channels + channel) * places + place]!,
        );
      }
  return bytes;
}

/** Writes the file whole or not at all; `chunks` are the rows of `arr_0` in order, as of `encodeImages`. */
export function writeImagesNpz(
  path: string,
  images: number,
  height: number,
  width: number,
  chunks: Iterable<Uint8Array>,
): void {
  function* pieces() {
    yield npyHeader('|u1', [images, height, width, COLOURS]);
    let bytes = 0;
    for (const chunk of chunks) {
      yield chunk;
      bytes += chunk.length;
    }
    const expected = images * imageBytes(height, width);
    if (bytes !== expected)
      throw new IncacheError(`${images} images take ${expected} bytes, but ${bytes} were given`);
  }
  writeNpyEntries(path, [['arr_0', pieces()]]);
}
