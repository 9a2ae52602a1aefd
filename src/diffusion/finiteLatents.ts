import { NonFiniteError } from '../errors.js';

/** The step that was taken last, and the images that it was taken with. */
export interface TakenStep {
  /** From 0, and how many there are. */
  readonly step: number;
  readonly steps: number;
  /** Images in `latents`, and the place of the first of them in the run. */
  readonly images: number;
  readonly firstImage: number;
}

/**
 * Throws a `NonFiniteError` that names the step and the first image with a NaN or an infinite value. Without it a run
 * would go on to the end and give black pictures.
 */
export function requireFiniteLatents(latents: Float32Array, taken: TakenStep): void {
  const place = latents.findIndex((value) => !Number.isFinite(value));
  if (place < 0) return;
  const image = taken.firstImage + Math.floor(place / (latents.length / taken.images));
  throw new NonFiniteError(taken.step, taken.steps, image);
}
