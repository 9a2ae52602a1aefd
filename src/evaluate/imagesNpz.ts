/**
 * Images as ADM's evaluator reads them (Dhariwal and Nichol, arXiv 2105.05233): an .npz whose `arr_0` is uint8,
 * images x height x width x 3. Written as a stream, so that it may be larger than memory.
 */
import { Zip, ZipPassThrough } from 'fflate';
import { ArgumentError, IncacheError } from '../errors.js';
import { type ChunkWriter, writeChunksAtomic } from '../weights/atomicFile.js';
import { npyHeader } from './npyHeader.js';
import { type Pictures, toByte } from './pictures.js';

/** Colours that the evaluator wants; grey images are repeated. */
const COLOURS = 3;

/** Sizes in a plain zip are 32 bits wide; some are left for its headers. */
const MAX_BYTES = 2 ** 32 - 2 ** 20;

/** Bytes of one image in `arr_0`. */
export function imageBytes(height: number, width: number): number {
  return height * width * COLOURS;
}

/** Throws an `ArgumentError` for more images than an .npz file can hold. */
export function requireImagesFit(images: number, height: number, width: number): void {
  const most = Math.floor(MAX_BYTES / imageBytes(height, width));
  if (images > most)
    throw new ArgumentError(
      'images',
      images,
      `at most ${most} of ${height} x ${width}, which an .npz file can hold`,
    );
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
  requireImagesFit(images, height, width);
  writeChunksAtomic(path, (write) => {
    const entry = startZip(write);
    entry.push(npyHeader('|u1', [images, height, width, COLOURS]));
    let bytes = 0;
    for (const chunk of chunks) {
      entry.push(chunk);
      bytes += chunk.length;
    }
    const expected = images * imageBytes(height, width);
    if (bytes !== expected)
      throw new IncacheError(`${images} images take ${expected} bytes, but ${bytes} were given`);
    entry.end();
  });
}

/** An archive with the one entry, not compressed: noise hardly shrinks, and readers may map it. */
function startZip(write: ChunkWriter): { push(bytes: Uint8Array): void; end(): void } {
  const zip = new Zip((error, chunk) => {
    if (error) throw error;
    write(chunk);
  });
  const entry = new ZipPassThrough('arr_0.npy');
  // As early as a zip can say: the same images are the same bytes whenever they are written.
  entry.mtime = new Date(1980, 0, 1);
  zip.add(entry);
  return {
    push: (bytes) => entry.push(bytes, false),
    end: () => {
      entry.push(new Uint8Array(0), true);
      zip.end();
    },
  };
}
