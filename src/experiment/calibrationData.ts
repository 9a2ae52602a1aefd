/** What the factors of a configuration are calibrated on. */
import type { StepGrams } from '../cache/data/stepGrams.js';
import type { CalibrationImages } from '../calibrate/images.js';
import { type CalibrationSource, imageSource } from '../calibrate/sources.js';
import { batchNormals } from '../diffusion/philox.js';
import { ArgumentError } from '../errors.js';
import { ownTrajectories } from '../evaluate/runs/ownTrajectories.js';
import { labelsInTurn, latentSize } from '../models/network.js';
import type { ExperimentContext } from './experiment.js';

/**
 * - `images`: those of the experiment, as in the paper
 * - `inverted`: the same with black and white exchanged, which no training image looks like
 * - `noise`: normal deviates in the place of images
 * - `trajectories`: the model's own, from noise to image
 */
export type CalibrationData = 'images' | 'inverted' | 'noise' | 'trajectories';

export interface CalibrationChoice {
  readonly data: CalibrationData;
  readonly count: number;
  /** With `trajectories`: the increments that policy `calibrated` with these corrects, see `trajectorySource`. */
  readonly period?: number;
  readonly order?: number;
  /** Or those to fitted combinations of so many terms, between so many computed steps. */
  readonly terms?: number;
  readonly computed?: number;
}

/** The paper's. */
const DEFAULT_COUNT = 256;

/** A stream of the counter-based generator that nothing else draws images from. */
const NOISE_IMAGE_STREAM = 2;

/** Between a seed of images and that of what is calibrated for them. */
const SEED_DISTANCE = 1_000_000;

/** The seed of a calibration: of another noise than any image that is sampled with the factors. */
export function calibrationSeed(seed: number): number {
  return SEED_DISTANCE + seed;
}

/** The seed of what coefficients are fitted to: of other noise than images and calibrations. */
export function fitSeed(seed: number): number {
  return 2 * SEED_DISTANCE + seed;
}

/** 256 images, or all where there are fewer; without images as many trajectories. */
export function defaultCalibration({ calibrationImages }: ExperimentContext): CalibrationChoice {
  return calibrationImages
    ? { data: 'images', count: Math.min(DEFAULT_COUNT, calibrationImages.labels.length) }
    : { data: 'trajectories', count: DEFAULT_COUNT };
}

/** `seed` is of the calibration, `fits` are for a choice of terms. Throws an `ArgumentError` where the experiment has no calibration images, or too few. */
export async function calibrationSource(
  context: ExperimentContext,
  { data, count, period, order, terms, computed }: CalibrationChoice,
  seed: number,
  fits?: StepGrams,
): Promise<CalibrationSource> {
  const { pipeline, sampling, text } = context;
  if (data === 'trajectories')
    return (
      await ownTrajectories(pipeline, {
        ...sampling,
        ...text,
        count,
        seed,
        ...(period !== undefined && { period }),
        ...(order !== undefined && { order }),
        ...(fits && { fits }),
        ...(terms !== undefined && { terms }),
        ...(computed !== undefined && { computed }),
      })
    ).source;
  const { steps } = sampling;
  return imageSource(pipeline.network, { ...imagesOf(context, { data, count }), count, steps, seed });
}

/** Evaluations of the network for one image that a calibration takes. */
export function calibrationWork({ data, count }: CalibrationChoice, steps: number): number {
  return data === 'trajectories' ? count * steps : 2 * count;
}

function imagesOf(context: ExperimentContext, { data, count }: CalibrationChoice): CalibrationImages {
  if (data === 'noise') return noiseImages(context, count);
  const { calibrationImages } = context;
  if (!calibrationImages)
    throw new ArgumentError(
      'calibration-images',
      undefined,
      `a file of at least ${count} images, to calibrate on`,
    );
  if (data === 'images') return calibrationImages;
  return { ...calibrationImages, images: calibrationImages.images.map((value) => -value) };
}

function noiseImages({ pipeline }: ExperimentContext, count: number): CalibrationImages {
  const size = latentSize(pipeline.network);
  const images = batchNormals(0, NOISE_IMAGE_STREAM, 0, count, size);
  return { images, labels: labelsInTurn(pipeline.network, count) };
}
