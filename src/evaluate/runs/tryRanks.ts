/** Tries factors cut down to several ranks on images that they have not been made from. */
import type { FactorSet } from '../../cache/data/factorSet.js';
import { ArgumentError, requireInteger, requireObject } from '../../errors.js';
import type { SampleOptions } from '../../pipeline/options.js';
import type { Pipeline } from '../../pipeline/pipeline.js';
import { meanPsnr } from '../metrics/psnr.js';
import { relativeL2 } from '../metrics/relativeL2.js';
import { subjectsOf } from './subjects.js';

export interface TryRanksOptions
  extends Omit<SampleOptions, 'labels' | 'noise' | 'cache' | 'firstImage' | 'perImage'> {
  /** Factors of the largest rank or more. */
  readonly factors: FactorSet;
  readonly ranks: readonly number[];
  /** Labels or prompts in turn. Default 32. */
  readonly images?: number;
  /** Period and order of policy `calibrated`, as in its options. Default 2 and 0. */
  readonly period?: number;
  readonly order?: number;
  /** Called after every step of every batch. */
  readonly onStep?: () => void;
}

/** What one rank for all layers gives. */
export interface RankTrial {
  readonly rank: number;
  /** MACs of an image: all steps, conditioning and guidance. */
  readonly macsPerImage: number;
  /** To the images without a cache: mean over images in dB, and all images as one vector. */
  readonly psnr: number;
  readonly relativeL2: number;
}

const DEFAULT_IMAGES = 32;

/** Throws an `ArgumentError` for a rank that a layer's factors do not have, before anything is sampled. */
export async function tryRanks(pipeline: Pipeline, options: TryRanksOptions): Promise<RankTrial[]> {
  requireObject('pipeline', pipeline?.checkpoint, 'a Pipeline');
  requireObject('options', options, 'an object of options');
  const { factors, ranks, images = DEFAULT_IMAGES, period = 2, order = 0, onStep, ...sampling } = options;
  requireInteger('images', images, 1);
  if (!Array.isArray(ranks)) throw new ArgumentError('ranks', ranks, 'a list of ranks');
  requireObject('factors', factors, 'a FactorSet');
  const cut = ranks.map((rank) => factors.truncated(rank));
  const run = { ...sampling, ...subjectsOf(pipeline.network, sampling, images) };
  const whole = await pipeline.generateLatents({ ...run, cache: { policy: 'none' } }, onStep);
  const trials: RankTrial[] = [];
  for (const [i, rank] of ranks.entries()) {
    const cache = { policy: 'calibrated', period, order, factors: cut[i]! } as const;
    try {
      const { latents, report } = await pipeline.generateLatents({ ...run, cache }, onStep);
      trials.push({
        rank,
        macsPerImage: report.macs / images,
        psnr: meanPsnr(latents, whole.latents, images),
        relativeL2: relativeL2(latents, whole.latents),
      });
    } finally {
      pipeline.releaseFactors(cut[i]!);
    }
  }
  return trials;
}

/** The cheapest trial of at least `psnr` dB, or without it the one of the least error. Undefined when none gets there. */
export function chosenTrial(trials: readonly RankTrial[], psnr?: number): RankTrial | undefined {
  const enough = trials.filter((trial) => psnr === undefined || trial.psnr >= psnr);
  const order = psnr === undefined ? ('relativeL2' as const) : ('rank' as const);
  return enough.sort((a, b) => a[order] - b[order] || a.rank - b.rank)[0];
}
