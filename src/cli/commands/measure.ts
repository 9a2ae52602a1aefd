import type { Command } from 'commander';
import { MOST_MEASURED_ORDER } from '../../cache/data/errorTable.js';
import { FactorSet } from '../../cache/data/factorSet.js';
import {
  type MeasureErrorsOptions,
  measureErrors,
  measuringWork,
} from '../../evaluate/runs/measureErrors.js';
import { requireUnused } from '../../weights/folderLock.js';
import { interruptSignal } from '../exit.js';
import { requireFilePath, requireFolderPath } from '../outputPath.js';
import { integer, MOST_ITEMS, MOST_STEPS } from '../parse.js';
import { startProgress } from '../progress.js';
import { addSamplingFlags, type SamplingFlags, samplingOptions } from '../samplingFlags.js';
import { addModelFlags, addOutputFlags, loadPipeline, type ModelFlags, type OutputFlags } from '../shared.js';
import { table } from '../table.js';
import { addTextFlags, type TextFlags, textOptions } from '../textFlags.js';

interface MeasureFlags extends ModelFlags, OutputFlags, SamplingFlags, TextFlags {
  readonly count: number;
  readonly gaps: number;
  readonly order: number;
  readonly seed: number;
  readonly factors?: string;
  readonly resume?: string;
  readonly out: string;
}

export function register(program: Command): void {
  const command = program
    .command('measure')
    .description(
      'Measure what caching each step and sublayer costs in error, for policies searched and mixed.',
    )
    .option('-n, --count <n>', 'images, sampled together', integer('count', 1, MOST_ITEMS), 8)
    .option(
      '--gaps <n>',
      'the most steps from the stored one that are measured',
      integer('gaps', 1, MOST_STEPS),
      3,
    )
    .option(
      '--order <m>',
      'extrapolation instead of reuse: 1 or 2 of taylorseer, or with factors 1 of calibrated, for policy searched',
      integer('order', 0, MOST_MEASURED_ORDER),
      0,
    )
    .option('--factors <file>', 'made by incache calibrate: measure calibration, of order 0 beside reuse')
    .option('--resume <folder>', 'keep what is measured in a folder, and go on with it where there is some')
    .option('-s, --seed <n>', 'seed of the noise', integer('seed', 0), 0);
  addModelFlags(addTextFlags(addSamplingFlags(command))).option(
    '-o, --out <file>',
    'errors file',
    'errors.safetensors',
  );
  addOutputFlags(command).action(runMeasure);
}

async function runMeasure(flags: MeasureFlags): Promise<void> {
  const { count, gaps, order, seed, resume, out, json } = flags;
  const sampling = { ...samplingOptions(flags), ...textOptions(flags) };
  requireFilePath('out', out);
  if (resume !== undefined) {
    requireFolderPath('resume', resume);
    requireUnused('resume', resume);
  }
  const signal = interruptSignal();
  const factors = flags.factors === undefined ? undefined : FactorSet.load(flags.factors);
  await using pipeline = await loadPipeline(flags);
  const options: MeasureErrorsOptions = {
    ...sampling,
    images: count,
    gaps,
    order,
    seed,
    signal,
    ...(factors && { factors }),
    ...(resume !== undefined && { folder: resume }),
  };
  const progress = startProgress('measuring', measuringWork(pipeline.network, options), json === true);
  const started = performance.now();
  try {
    const errors = await measureErrors(pipeline, { ...options, onProgress: () => progress.advance() });
    errors.save(out);
    progress.stop();
    const report = { out, ...errors.info, seconds: (performance.now() - started) / 1000 };
    if (json) process.stdout.write(`${JSON.stringify(report)}\n`);
    else process.stdout.write(table(['errors', ''], Object.entries(report).map(textOf)));
  } finally {
    progress.stop();
  }
}

function textOf([key, value]: [string, unknown]): [string, string] {
  return [key, key === 'seconds' ? (value as number).toFixed(2) : String(value)];
}
