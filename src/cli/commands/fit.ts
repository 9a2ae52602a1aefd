import type { Command } from 'commander';
import { gramsWork, type MeasureGramsOptions, measureGrams } from '../../evaluate/runs/measureGrams.js';
import { interruptSignal } from '../exit.js';
import { requireFilePath } from '../outputPath.js';
import { integer, MOST_ITEMS } from '../parse.js';
import { startProgress } from '../progress.js';
import { addSamplingFlags, type SamplingFlags, samplingOptions } from '../samplingFlags.js';
import { addModelFlags, addOutputFlags, loadPipeline, type ModelFlags, type OutputFlags } from '../shared.js';
import { table } from '../table.js';
import { addTextFlags, type TextFlags, textOptions } from '../textFlags.js';

interface FitFlags extends ModelFlags, OutputFlags, SamplingFlags, TextFlags {
  readonly count: number;
  readonly seed: number;
  readonly out: string;
}

export function register(program: Command): void {
  const command = program
    .command('fit')
    .description(
      'Measure how features move over the steps, for the coefficients of policy fitted and of calibrated with --fits, and for policy magcache.',
    )
    .option('-n, --count <n>', 'images that are sampled, without a cache', integer('count', 1, MOST_ITEMS), 8)
    .option('-s, --seed <n>', 'seed of the noise', integer('seed', 0), 0);
  addModelFlags(addTextFlags(addSamplingFlags(command))).option(
    '-o, --out <file>',
    'fits file',
    'fits.safetensors',
  );
  addOutputFlags(command).action(runFit);
}

async function runFit(flags: FitFlags): Promise<void> {
  const { count, seed, out, json } = flags;
  const options: MeasureGramsOptions = {
    ...samplingOptions(flags),
    ...textOptions(flags),
    images: count,
    seed,
    signal: interruptSignal(),
  };
  requireFilePath('out', out);
  await using pipeline = await loadPipeline(flags);
  const progress = startProgress('sampling', gramsWork(pipeline.network, options), json === true);
  const started = performance.now();
  try {
    const fits = await measureGrams(pipeline, { ...options, onStep: () => progress.advance() });
    fits.save(out);
    progress.stop();
    const { timesteps, magnitudes: _, ...info } = fits.info;
    const report = { out, ...info, steps: timesteps.length, features: fits.features.size };
    const seconds = (performance.now() - started) / 1000;
    if (json) process.stdout.write(`${JSON.stringify({ ...report, seconds })}\n`);
    else {
      const rows = Object.entries({ ...report, seconds: seconds.toFixed(2) });
      process.stdout.write(
        table(
          ['fits', ''],
          rows.map(([name, value]) => [name, String(value)]),
        ),
      );
    }
  } finally {
    progress.stop();
  }
}
