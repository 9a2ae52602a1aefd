import type { Command } from 'commander';
import { FactorSet } from '../../cache/data/factorSet.js';
import { ArgumentError } from '../../errors.js';
import { chosenTrial, type RankTrial, tryRanks } from '../../evaluate/runs/tryRanks.js';
import { interruptSignal } from '../exit.js';
import { requireFilePath } from '../outputPath.js';
import { decimal, integer, integerList, MOST_ITEMS } from '../parse.js';
import { startProgress } from '../progress.js';
import { addSamplingFlags, type SamplingFlags, samplingOptions, stepsOf } from '../samplingFlags.js';
import { addModelFlags, addOutputFlags, loadPipeline, type ModelFlags, type OutputFlags } from '../shared.js';
import { gmac, table } from '../table.js';
import { addTextFlags, type TextFlags, textOptions } from '../textFlags.js';

interface ChooseRankFlags extends ModelFlags, OutputFlags, SamplingFlags, TextFlags {
  readonly factors: string;
  readonly ranks: number[];
  readonly psnr?: number;
  readonly period: number;
  readonly order: number;
  readonly count: number;
  readonly seed?: number;
  readonly out: string;
}

const BATCH = 16;

export function register(program: Command): void {
  const command = program
    .command('choose-rank')
    .description('Try ranks of factors on images they were not made from, and keep the best.')
    .requiredOption('--factors <file>', 'made by incache calibrate, of the largest rank to try')
    .requiredOption('--ranks <list>', 'ranks to try, as in 8,16,24,32', integerList('ranks'))
    .option(
      '--psnr <x>',
      'keep the smallest rank that reaches this, in dB to the images without a cache (default: keep the least error)',
      decimal('psnr', 0),
    )
    .option('--period <p>', 'of policy calibrated', integer('period', 1), 2)
    .option('--order <m>', 'of policy calibrated', integer('order', 0, 1), 0)
    .option('-n, --count <n>', 'images', integer('count', 1, MOST_ITEMS), 32)
    .option(
      '-s, --seed <n>',
      'seed of the noise (default: one more than that of the factors)',
      integer('seed', 0),
    );
  addModelFlags(addTextFlags(addSamplingFlags(command))).option(
    '-o, --out <file>',
    'factors file',
    'chosen.safetensors',
  );
  addOutputFlags(command).action(runChooseRank);
}

async function runChooseRank(flags: ChooseRankFlags): Promise<void> {
  const { ranks, psnr, period, order, count, out, json } = flags;
  requireFilePath('out', out);
  const factors = FactorSet.load(flags.factors);
  const signal = interruptSignal();
  await using pipeline = await loadPipeline(flags);
  const sampling = { ...samplingOptions(flags), ...textOptions(flags) };
  const runs = Math.ceil(count / BATCH) * (1 + ranks.length);
  const progress = startProgress('trying', runs * stepsOf(flags, pipeline), json === true);
  try {
    const trials = await tryRanks(pipeline, {
      ...sampling,
      factors,
      ranks,
      images: count,
      batch: BATCH,
      period,
      order,
      seed: flags.seed ?? factors.info.seed + 1,
      signal,
      onStep: () => progress.advance(),
    });
    progress.stop();
    const chosen = chosenTrial(trials, psnr) ?? refuse(psnr!, trials);
    factors.truncated(chosen.rank).save(out);
    if (json) process.stdout.write(`${JSON.stringify({ out, chosen: chosen.rank, trials })}\n`);
    else process.stdout.write(`${tableOf(trials)}\nrank ${chosen.rank} is in ${out}\n`);
  } finally {
    progress.stop();
  }
}

function refuse(psnr: number, trials: readonly RankTrial[]): never {
  const best = Math.max(...trials.map((trial) => trial.psnr));
  throw new ArgumentError('psnr', psnr, `at most ${best.toFixed(2)}, the best of these ranks`);
}

function tableOf(trials: readonly RankTrial[]): string {
  return table(
    ['rank', 'MACs an image', 'PSNR, dB', 'relative L2'],
    trials.map(({ rank, macsPerImage, psnr, relativeL2 }) => [
      String(rank),
      gmac(macsPerImage),
      psnr.toFixed(2),
      relativeL2.toFixed(4),
    ]),
  );
}
