import type { Command } from 'commander';
import { calibrate, calibrationWork } from '../../calibrate/calibrate.js';
import { FACTOR_METHODS } from '../../calibrate/factors.js';
import { loadCalibrationImages } from '../../calibrate/images.js';
import { type CalibrationSource, imageSource, trajectorySource } from '../../calibrate/sources.js';
import { ArgumentError, requireOneOf } from '../../errors.js';
import type { DiTConfig } from '../../models/config.js';
import { interruptSignal } from '../exit.js';
import { decimal, integer } from '../parse.js';
import { startProgress } from '../progress.js';
import { addModelFlags, addOutputFlags, loadPipeline, type ModelFlags, type OutputFlags } from '../shared.js';
import { table } from '../table.js';

interface CalibrateFlags extends ModelFlags, OutputFlags {
  readonly method: string;
  readonly rank: number;
  readonly layerRank: Record<string, number>;
  readonly images?: string;
  readonly count: number;
  readonly steps: number;
  readonly seed: number;
  readonly batch: number;
  readonly guidanceScale: number;
  readonly ridge: number;
  readonly out: string;
}

export function registerCalibrate(program: Command): void {
  const command = program
    .command('calibrate')
    .description('make the low-rank factors of a model, from images or from its own trajectories')
    .option('--method <name>', FACTOR_METHODS.join(', '), 'cd')
    .option('-r, --rank <r>', 'rank of every layer', integer('rank', 0), 32)
    .option(
      '--layer-rank <layer=r>',
      'another rank for one layer, as in blocks.0.fc1=64; may be repeated',
      addLayerRank,
      {},
    )
    .option(
      '--images <file>',
      'calibration images (.safetensors or .npz with images and labels); default: own trajectories',
    )
    .option('-n, --count <n>', 'images or trajectories', integer('count', 1), 256)
    .option('--steps <n>', 'steps of the DDIM sampler', integer('steps', 1), 50)
    .option('-g, --guidance-scale <s>', 'of the own trajectories', decimal('guidance-scale', 0), 1.5)
    .option('--ridge <x>', 'of method whitened', decimal('ridge', 0), 0.01)
    .option('-s, --seed <n>', 'seed of noise and timesteps', integer('seed', 0), 0)
    .option('--batch <n>', 'images evaluated together', integer('batch', 1), 16)
    .option('-o, --out <file>', 'factors file', 'factors.safetensors');
  addOutputFlags(addModelFlags(command)).action(runCalibrate);
}

async function runCalibrate(flags: CalibrateFlags): Promise<void> {
  const { method } = flags;
  requireOneOf('method', method, FACTOR_METHODS);
  const signal = interruptSignal();
  await using pipeline = await loadPipeline(flags);
  const source = method === 'svd' ? undefined : sourceOf(flags, pipeline.config);
  const progress = startProgress(
    'calibrating',
    calibrationWork(pipeline.config, source),
    flags.json === true,
  );
  const started = performance.now();
  try {
    const factors = await calibrate(pipeline, {
      method,
      rank: (layer) => flags.layerRank[layer] ?? flags.rank,
      ...(source && { source }),
      seed: flags.seed,
      steps: flags.steps,
      ridge: flags.ridge,
      signal,
      onProgress: () => progress.advance(),
    });
    factors.save(flags.out);
    const seconds = (performance.now() - started) / 1000;
    const report = { out: flags.out, ...factors.info, layers: factors.layers.size, seconds };
    if (flags.json) process.stdout.write(`${JSON.stringify(report)}\n`);
    else
      process.stdout.write(
        table(
          ['factors', ''],
          Object.entries(report).map(([key, value]) => [key, format(value)]),
        ),
      );
  } finally {
    progress.stop();
  }
}

function sourceOf(flags: CalibrateFlags, config: DiTConfig): CalibrationSource {
  const { count, steps, seed, guidanceScale } = flags;
  const batch = Math.min(flags.batch, count);
  if (flags.images === undefined)
    return trajectorySource(config, { count, batch, steps, seed, guidanceScale });
  const data = loadCalibrationImages(flags.images, config);
  return imageSource(config, { ...data, count: Math.min(count, data.labels.length), batch, steps, seed });
}

function addLayerRank(text: string, ranks: Record<string, number>): Record<string, number> {
  const [, layer, rank] = /^(blocks\.\d+\.(?:q|k|v|proj|fc1|fc2))=(\d+)$/.exec(text) ?? [];
  if (layer === undefined)
    throw new ArgumentError('layer-rank', text, 'a layer and its rank, as in blocks.0.fc1=64');
  return { ...ranks, [layer]: Number(rank) };
}

function format(value: unknown): string {
  return typeof value === 'number' && !Number.isInteger(value) ? value.toFixed(2) : String(value);
}
