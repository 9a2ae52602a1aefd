/** The rows of the demo: the same images from the same noise, each row under another policy. */

import { psnr } from '../../evaluate/metrics/psnr.js';
import { median } from '../../median.js';
import type { SampleOptions } from '../../pipeline/options.js';
import type { Picture } from '../../pipeline/picture.js';
import type { Pipeline } from '../../pipeline/pipeline.js';
import type { SampleReport } from '../../pipeline/result.js';
import type { Contender } from './contenders.js';

export interface DemoRow {
  readonly policy: string;
  readonly pictures: readonly Picture[];
  readonly macs: number;
  /** Time of the sampling alone, the median over the rounds. */
  readonly milliseconds: number;
  readonly macRatio: number;
  readonly timeRatio: number;
  /** Bytes that the caches take. */
  readonly cacheBytes: number;
  /** Mean over the images, of their pictures to those of the first row; null of that row, and where all are equal. */
  readonly psnr: number | null;
}

export interface DemoOptions {
  readonly request: Pick<SampleOptions, 'prompts' | 'guidanceScale'>;
  readonly contenders: readonly Contender[];
  readonly seed: number;
  /** Times that every row is drawn and measured. Default `ROUNDS`. */
  readonly rounds?: number;
  readonly signal: AbortSignal;
  readonly onStep: () => void;
}

/** Enough for a median, and few enough for a demo of ten seconds. */
export const ROUNDS = 3;

/** Steps that a row takes before it is measured: they touch the memory of its caches, and steps of every kind are among them. */
const WARM_STEPS = 4;

/** Every row in turn: first a few steps to warm up, then all of them, several times. The others are compared with the first one. */
export async function demoRows(pipeline: Pipeline, options: DemoOptions): Promise<DemoRow[]> {
  const { request, contenders, seed, rounds = ROUNDS, signal, onStep } = options;
  const runs = contenders.map(({ steps, cache }) => ({ ...request, steps, seed, cache, signal }));
  for (const run of runs) await warmUp(pipeline, run, onStep);
  const pictures: (readonly Picture[])[] = [];
  const reportsOf = runs.map((): SampleReport[] => []);
  for (let round = 0; round < rounds; round++)
    for (const [place, run] of runs.entries()) {
      const { latents, shape, report } = await pipeline.generateLatents(run, onStep);
      reportsOf[place]!.push(report);
      if (round === 0) pictures.push(await pipeline.decode(latents, shape, { signal }));
    }
  const medians = reportsOf.map((all) => median(all.map(({ milliseconds }) => milliseconds)));
  const reports = reportsOf.map((all) => all[0]!);
  return contenders.map(({ policy }, i) => ({
    policy,
    pictures: pictures[i]!,
    macs: reports[i]!.macs,
    milliseconds: medians[i]!,
    macRatio: reports[i]!.macs / reports[0]!.macs,
    timeRatio: medians[i]! / medians[0]!,
    cacheBytes: reports[i]!.memory.cache,
    psnr: i === 0 ? null : meanOfDiffering(pictures[i]!, pictures[0]!),
  }));
}

/** Steps of all rows that `demoRows` draws. */
export function demoWork(contenders: readonly Contender[]): number {
  return contenders.reduce((sum, { steps }) => sum + Math.min(WARM_STEPS, steps) + ROUNDS * steps, 0);
}

async function warmUp(pipeline: Pipeline, run: SampleOptions, onStep: () => void): Promise<void> {
  for await (const { index } of pipeline.sample(run)) {
    onStep();
    if (index + 1 === WARM_STEPS) break;
  }
}

function meanOfDiffering(pictures: readonly Picture[], references: readonly Picture[]): number | null {
  const decibels = pictures
    .map((picture, i) => psnr(valuesOf(picture), valuesOf(references[i]!)))
    .filter(Number.isFinite);
  return decibels.length === 0 ? null : decibels.reduce((a, b) => a + b, 0) / decibels.length;
}

/** Bytes as values in [-1, 1]. */
function valuesOf({ data }: Picture): Float32Array {
  return Float32Array.from(data, (byte) => byte / 127.5 - 1);
}
