/** The files that grow with the images of a run: in its folder, or in a temporary one that goes with it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { IncacheError } from '../../errors.js';
import type { PictureSize } from '../metrics/ssim.js';
import type { RowOutput } from './evaluateRun.js';
import type { MeasuredImage } from './imageRow.js';
import { encodeImages, imageBytes } from './imagesNpz.js';

/** Samples as of `readSamples`, pixels as of `encodeImages`, and features as float32: there when they are asked for. */
export interface OutputChoice {
  readonly size: PictureSize;
  /** Path of the samples. */
  readonly samples: string | undefined;
  /** Path of the images' .npz, whose pixels lie beside it until it is written. */
  readonly npz: string | undefined;
  /** Features of an image, when all are to be kept; 0 when not. */
  readonly features: number;
  /** Where a kept run lies. */
  readonly folder: string | undefined;
}

export class RunOutputs implements Disposable {
  readonly samples: RowOutput | undefined;
  readonly images: RowOutput | undefined;
  readonly features: RowOutput | undefined;
  readonly #temporary: string | undefined;

  constructor({ size, samples, npz, features, folder }: OutputChoice) {
    const wanted = npz !== undefined || features > 0;
    if (wanted && folder === undefined)
      this.#temporary = makeTemporary(npz === undefined ? tmpdir() : dirname(npz));
    const place = folder ?? this.#temporary ?? '';
    const { channels, height, width } = size;
    if (samples !== undefined)
      this.samples = {
        path: samples,
        rowBytes: 4 * channels * height * width,
        rows: (batch) => bytesOf(batch.samples),
      };
    if (npz !== undefined)
      this.images = {
        path: join(place, 'images.bytes'),
        rowBytes: imageBytes(height, width),
        rows: ({ samples }) =>
          encodeImages({
            data: samples,
            shape: [samples.length / (channels * height * width), channels, height, width],
          }),
      };
    if (features > 0)
      this.features = {
        path: join(place, 'features.float32'),
        rowBytes: 4 * features,
        rows: (_, images) => featureBytes(images),
      };
  }

  get all(): RowOutput[] {
    return [this.samples, this.images, this.features].filter((output) => output !== undefined);
  }

  [Symbol.dispose](): void {
    if (this.#temporary !== undefined) rmSync(this.#temporary, { recursive: true, force: true });
  }
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** Those of all images, one behind the other. */
export function featureBytes(images: readonly MeasuredImage[]): Uint8Array {
  const length = images[0]!.features.length;
  const values = new Float32Array(images.length * length);
  for (const [i, { features }] of images.entries()) values.set(features, i * length);
  return bytesOf(values);
}

function makeTemporary(folder: string): string {
  try {
    return mkdtempSync(join(folder, '.incache-'));
  } catch (error) {
    throw new IncacheError(`cannot write to ${folder}: ${(error as Error).message}`, { cause: error });
  }
}
