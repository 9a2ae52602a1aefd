/** All that an evaluation takes in of an image, and its form as a row of bytes: what shards of a run keep of theirs. */
import type { FeatureExtractor } from '../features/featureExtractor.js';

/** Numbers are NaN where there is nothing to measure. */
export interface MeasuredImage {
  /** 1 where the extractor takes the image for what it should be, else 0. */
  readonly right: number;
  /** To the uncached image; infinite where both are equal. */
  readonly psnr: number;
  readonly ssim: number;
  /** Squared norms of the difference to the uncached image, and of that image. */
  readonly difference: number;
  readonly reference: number;
  /** How well the image fits its caption, see `ClipScore`. */
  readonly clip: number;
  readonly features: Float32Array;
  readonly spatial: Float32Array;
  readonly logits: Float32Array;
}

/** Multiply-accumulates and milliseconds of a batch, then those of its uncached run. */
export type BatchCosts = readonly [number, number, number, number];

/** An image, and with the first one of a batch what the batch took; with the others zeros. */
export interface ImageRow {
  readonly image: MeasuredImage;
  readonly costs: BatchCosts;
}

const NO_COSTS: BatchCosts = [0, 0, 0, 0];
const NUMBERS = 10;

/** Ten float64, then features, spatial features and logits in float32, filled up to a multiple of 8 bytes. */
export class ImageRows {
  readonly rowBytes: number;
  readonly #lengths: readonly number[];

  constructor(extractor: Pick<FeatureExtractor, 'features' | 'spatialFeatures' | 'classes'> | undefined) {
    this.#lengths = extractor
      ? [extractor.features, extractor.spatialFeatures, extractor.classes]
      : [0, 0, 0];
    const values = this.#lengths.reduce((a, b) => a + b, 0);
    this.rowBytes = 8 * (NUMBERS + Math.ceil(values / 2));
  }

  /** Rows of the images of one batch. */
  encode(images: readonly MeasuredImage[], costs: BatchCosts): Uint8Array {
    const bytes = new Uint8Array(images.length * this.rowBytes);
    for (const [i, { right, psnr, ssim, difference, reference, clip, ...values }] of images.entries()) {
      const numbers = [right, psnr, ssim, difference, reference, clip, ...(i === 0 ? costs : NO_COSTS)];
      new Float64Array(bytes.buffer, i * this.rowBytes, NUMBERS).set(numbers);
      let place = i * this.rowBytes + 8 * NUMBERS;
      for (const part of [values.features, values.spatial, values.logits]) {
        new Float32Array(bytes.buffer, place, part.length).set(part);
        place += part.byteLength;
      }
    }
    return bytes;
  }

  /** What `encode` has made rows of. `bytes` must begin its own memory. */
  decode(bytes: Uint8Array): ImageRow[] {
    return Array.from({ length: bytes.length / this.rowBytes }, (_, i) => {
      const [right, psnr, ssim, difference, reference, clip, ...costs] = new Float64Array(
        bytes.buffer,
        i * this.rowBytes,
        NUMBERS,
      ) as unknown as [number, number, number, number, number, number, number, number, number, number];
      let place = i * this.rowBytes + 8 * NUMBERS;
      const [features, spatial, logits] = this.#lengths.map((length) => {
        const part = new Float32Array(bytes.buffer, place, length);
        place += part.byteLength;
        return part;
      }) as [Float32Array, Float32Array, Float32Array];
      return { image: { right, psnr, ssim, difference, reference, clip, features, spatial, logits }, costs };
    });
  }
}
