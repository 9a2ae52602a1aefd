/** Measures what each linear layer does to the image when its increments alone are left out. */
import type { StepGrams } from '../../cache/data/stepGrams.js';
import { scheduleOfGrams } from '../../cache/gramSchedule.js';
import type { CalibrationStore } from '../../calibrate/calibrationStore.js';
import { requireInteger, requireObject } from '../../errors.js';
import type { Network } from '../../models/network.js';
import type { Pipeline } from '../../pipeline/pipeline.js';
import { relativeL2 } from '../metrics/relativeL2.js';
import type { MeasuredSampling } from './sampling.js';
import { subjectsOf } from './subjects.js';
import { zeroFactors } from './zeroFactors.js';

export interface MeasureLayersOptions extends MeasuredSampling {
  /** Images that are sampled together, labels or prompts in turn. Default 8. */
  readonly images?: number;
  /** Period and order of policy `calibrated`, as in its options. Default 2 and 0. */
  readonly period?: number;
  readonly order?: number;
  readonly fits?: StepGrams;
  readonly terms?: number;
  readonly computed?: number;
  /** Keeps the error of every layer; where there are some already, goes on with them. */
  readonly store?: CalibrationStore;
  /** Those that are measured. Default: all. */
  readonly layers?: readonly string[];
  /** Called after every layer, and after the run without a cache. */
  readonly onLayer?: () => void;
}

const DEFAULT_IMAGES = 8;

/** In the store. */
export const ERRORS = 'errors';

/** Times that `measureLayers` calls `onLayer`: runs of all steps. */
export function layersWork({ layers }: Network): number {
  return 1 + layers.length;
}

/**
 * By layer, the relative L2 of the final latents to those without a cache when all other layers are computed in full, and
 * this one is calibrated with factors of zero at the steps that are scattered. Takes a run of all steps a layer.
 */
export async function measureLayers(
  pipeline: Pipeline,
  options: MeasureLayersOptions = {},
): Promise<Map<string, number>> {
  requireObject('pipeline', pipeline?.checkpoint, 'a Pipeline');
  requireObject('options', options, 'an object of options');
  const {
    images = DEFAULT_IMAGES,
    period = 2,
    order = 0,
    fits,
    terms,
    computed,
    onLayer,
    store,
    layers,
    ...sampling
  } = options;
  requireInteger('images', images, 1);
  requireInteger('period', period, 2);
  const run = { ...sampling, ...subjectsOf(pipeline.network, sampling, images), batch: images };
  await pipeline.checkpoint.loadHash(options.signal);
  const factors = zeroFactors(pipeline);
  const chosen = fits && computed !== undefined ? scheduleOfGrams(fits, 'calibrate', computed) : undefined;
  const isComputed = (step: number) => chosen?.includes(step) ?? step % period === 0;
  const measured = layers ?? [...factors.layers.keys()];
  const errors = new Map<string, number>();
  store?.load((read) => {
    for (const layer of measured) {
      const [error] = read(layer) ?? [];
      if (error !== undefined) errors.set(layer, error);
    }
  }, ERRORS);
  // Where there is something to compare with it.
  const isNeeded = measured.some((layer) => !errors.has(layer));
  const uncached = isNeeded
    ? (await pipeline.generateLatents({ ...run, cache: { policy: 'none' } })).latents
    : new Float32Array(0);
  onLayer?.();
  try {
    for (const layer of measured) {
      if (errors.has(layer)) {
        onLayer?.();
        continue;
      }
      const rule = (step: number, name: string) => name !== layer || isComputed(step);
      const cached = await pipeline.generateLatents({
        ...run,
        cache: {
          policy: 'calibrated',
          rule,
          factors,
          ...(fits ? { fits, ...(terms !== undefined && { terms }) } : { order }),
        },
      });
      errors.set(layer, relativeL2(cached.latents, uncached));
      store?.save(new Map([...errors].map(([name, error]) => [name, Float64Array.of(error)])), ERRORS);
      onLayer?.();
    }
  } finally {
    pipeline.releaseFactors(factors);
  }
  return errors;
}
