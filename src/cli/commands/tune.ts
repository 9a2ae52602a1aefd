import type { Command } from 'commander';
import { ArgumentError, formatBytes } from '../../errors.js';
import { type TuneBudget, type TuneResult, tune } from '../../evaluate/runs/tune.js';
import type { Trial } from '../../evaluate/runs/tuneTrials.js';
import { interruptSignal } from '../exit.js';
import { note } from '../note.js';
import { requireFilePath, requireFolderPath } from '../outputPath.js';
import { decimal, integer, MOST_ITEMS } from '../parse.js';
import { startEstimatedProgress } from '../progress.js';
import { addSamplingFlags, type SamplingFlags, samplingOptions } from '../samplingFlags.js';
import { addModelFlags, addOutputFlags, loadPipeline, type ModelFlags, type OutputFlags } from '../shared.js';
import { table } from '../table.js';
import { addTextFlags, type TextFlags, textOptions } from '../textFlags.js';

interface TuneFlags extends ModelFlags, OutputFlags, SamplingFlags, TextFlags {
  readonly budget: TuneBudget;
  readonly nearest?: boolean;
  readonly count: number;
  readonly minutes: number;
  readonly seed: number;
  readonly batch?: number;
  readonly resume?: string;
  readonly out: string;
}

export function register(program: Command): void {
  const command = program
    .command('tune')
    .description(
      'Find the cache policy that is best on this model and machine, and write it with all that it needs as a recipe.',
    )
    .argument('[model]', 'as --model')
    .requiredOption(
      '--budget <kind:x>',
      'time:0.5 or macs:0.5, at most that share of a run without a cache; psnr:40, at least so many dB to its images',
      budgetOf,
    )
    .option('--nearest', 'where no policy meets the budget, write the recipe that comes nearest to it')
    .option('--minutes <x>', 'minutes that everything may take', decimal('minutes', 0), 10)
    .option(
      '-n, --count <n>',
      'images that the last candidates sample at most; the time decides how many they are',
      integer('count', 1, MOST_ITEMS),
      64,
    )
    .option('-s, --seed <n>', 'seed of the images', integer('seed', 0), 0)
    .option('--batch <n>', 'images denoised together (default: at most 16)', integer('batch', 1))
    .option('--resume <folder>', 'keep what is measured in a folder, and go on with it where there is some');
  addModelFlags(addTextFlags(addSamplingFlags(command))).option(
    '-o, --out <file>',
    'the recipe',
    'recipe.safetensors',
  );
  addOutputFlags(command).action(runTune);
}

async function runTune(model: string | undefined, given: TuneFlags): Promise<void> {
  const flags = model === undefined ? given : { ...given, model };
  const { budget, nearest = false, count, minutes, seed, batch, resume, out, json } = flags;
  requireFilePath('out', out);
  if (resume !== undefined) requireFolderPath('resume', resume);
  const sampling = { ...samplingOptions(flags), ...textOptions(flags) };
  const signal = interruptSignal();
  await using pipeline = await loadPipeline(flags);
  const progress = startEstimatedProgress('tuning', json === true);
  const started = performance.now();
  try {
    const result = await tune(pipeline, {
      ...sampling,
      budget,
      nearest,
      images: count,
      seconds: 60 * minutes,
      seed,
      signal,
      ...(batch !== undefined && { batch }),
      ...(resume !== undefined && { folder: resume }),
      onTrial: (name, _, reason) => {
        const seconds = (performance.now() - started) / 1000;
        progress.set(Math.min(1, seconds / (60 * minutes)), Math.max(0, 60 * minutes - seconds), name);
        if (reason !== undefined) note(`${name} is left out: ${reason}`);
      },
    });
    result.recipe.save(out);
    progress.stop();
    const { chosen, meetsBudget, trials, untried } = result;
    if (!meetsBudget) note('no policy meets the budget; this is the nearest to it');
    const seconds = (performance.now() - started) / 1000;
    if (json)
      process.stdout.write(`${JSON.stringify({ out, seconds, chosen, meetsBudget, trials, untried })}\n`);
    else process.stdout.write(textOf(out, seconds, result));
  } finally {
    progress.stop();
  }
}

function textOf(out: string, seconds: number, { chosen, trials, untried }: TuneResult): string {
  const rows = [...trials]
    .sort((a, b) => a.time - b.time)
    .map((trial) => [trial.onFront ? '*' : '', ...cells(trial)]);
  return [
    table(['front', 'policy', 'PSNR, dB', 'images', 'time', 'MACs', 'cache'], rows),
    untried.length > 0 ? `not tried for want of time: ${untried.join('; ')}\n` : '',
    `${out}: ${chosen.name}, ${chosen.psnr.toFixed(1)} dB (+- ${chosen.spread.toFixed(1)} over ${chosen.images} images) at ${chosen.time.toFixed(2)} of the time and ${chosen.macs.toFixed(2)} of the multiply-adds of a run without a cache; found in ${seconds.toFixed(0)} s\n`,
  ].join('');
}

function cells({ name, psnr, spread, images, time, macs, cacheBytes }: Trial): string[] {
  const quality = `${psnr.toFixed(2)} +- ${spread.toFixed(2)}`;
  return [name, quality, String(images), time.toFixed(3), macs.toFixed(3), formatBytes(cacheBytes)];
}

function budgetOf(text: string): TuneBudget {
  const [, kind, number] = /^(time|macs|psnr):(\d+(?:\.\d+)?)$/.exec(text) ?? [];
  const value = Number(number);
  if (kind === 'psnr') return { kind, least: value };
  if ((kind === 'time' || kind === 'macs') && value <= 1) return { kind, most: value };
  throw new ArgumentError('budget', text, 'time:X or macs:X with X from 0 to 1, or psnr:X in dB');
}
