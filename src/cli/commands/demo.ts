import type { Command } from 'commander';
import { calibrate } from '../../calibrate/calibrate.js';
import { loadCalibrationImages } from '../../calibrate/images.js';
import { imageSource } from '../../calibrate/sources.js';
import { EMBEDDED_CALIBRATION_IMAGES, EMBEDDED_MODEL } from '../../embedded.js';
import { ArgumentError } from '../../errors.js';
import { meanPsnr } from '../../evaluate/metrics/psnr.js';
import type { CacheOptions } from '../../pipeline/options.js';
import { grid } from '../../pipeline/picture.js';
import type { DiTPipeline } from '../../pipeline/pipeline.js';
import type { SampleResult } from '../../pipeline/result.js';
import { writeFileAtomic } from '../../weights/atomicFile.js';
import { interruptSignal } from '../exit.js';

import { requireFilePath } from '../outputPath.js';
import { integer, MOST_STEPS } from '../parse.js';
import { type Progress, startProgress } from '../progress.js';
import { serveDemo } from '../serveDemo.js';
import {
  addDeviceFlags,
  addOutputFlags,
  loadPipeline,
  type ModelFlags,
  type OutputFlags,
} from '../shared.js';
import { gmac, table } from '../table.js';

interface DemoFlags extends Omit<ModelFlags, 'model'>, OutputFlags {
  readonly steps: number;
  readonly period: number;
  readonly rank: number;
  readonly seed: number;
  readonly out: string;
  readonly web?: boolean;
  readonly port: number;
}

interface DemoRow {
  readonly policy: string;
  readonly result: SampleResult;
}

const CALIBRATION_IMAGES = 256;
const METHOD = 'cd';
const DIGITS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];

export function registerDemo(program: Command): void {
  const command = program
    .command('demo')
    .description(
      'Draw the ten digits three times from the same noise, in full, with reuse and with calibrated caching, and say what each cost.',
    )
    .option('--steps <n>', 'denoising steps', integer('steps', 2, MOST_STEPS), 50)
    .option('--period <p>', 'compute every p-th step in full', integer('period', 1), 2)
    .option('-r, --rank <r>', 'rank of the increments', integer('rank', 1), 32)
    .option('-s, --seed <n>', 'seed of the noise', integer('seed', 0), 0)
    .option('--web', 'serve the page that does the same in a browser, on this machine')
    .option('--port <n>', 'of --web', integer('port', 0, 65535), 8765);
  addDeviceFlags(command).option('-o, --out <file>', 'PNG with a row of digits for each policy', 'demo.png');
  addOutputFlags(command).action(runDemo);
}

async function runDemo(flags: DemoFlags): Promise<void> {
  if (flags.web) return serveDemo(flags.port, flags.json === true, interruptSignal());
  if (!flags.out.endsWith('.png')) throw new ArgumentError('out', flags.out, 'a name that ends in .png');
  requireFilePath('out', flags.out);
  const signal = interruptSignal();
  await using pipeline = await loadPipeline({ ...flags, model: EMBEDDED_MODEL });
  const batch = 32;
  const work = CALIBRATION_IMAGES / batch + pipeline.network.layers.length + 3 * flags.steps;
  const progress = startProgress('demo', work, flags.json === true);
  try {
    const rows = await sampleRows(flags, pipeline, signal, batch, progress);
    progress.stop();
    writeFileAtomic(
      flags.out,
      grid(
        rows.flatMap(({ result }) => result.images),
        DIGITS.length,
      ).toPng(),
    );
    printRows(flags, pipeline, rows);
  } finally {
    progress.stop();
  }
}

async function sampleRows(
  flags: DemoFlags,
  pipeline: DiTPipeline,
  signal: AbortSignal,
  batch: number,
  progress: Progress,
): Promise<DemoRow[]> {
  const { rank, seed, steps, period } = flags;
  const images = loadCalibrationImages(EMBEDDED_CALIBRATION_IMAGES, pipeline.network);
  const source = imageSource(pipeline.network, { ...images, count: CALIBRATION_IMAGES, batch, seed });
  const factors = await calibrate(pipeline, {
    method: METHOD,
    rank,
    source,
    signal,
    onProgress: () => progress.advance(),
  });
  const policies: [string, CacheOptions][] = [
    ['full', { policy: 'none' }],
    [`reuse, p = ${period}`, { policy: 'reuse', period }],
    [`calibrated, p = ${period}, ${METHOD}, r = ${rank}`, { policy: 'calibrated', period, factors }],
  ];
  // Once through every policy, so that no row pays for the engine's warm-up.
  for (const [, cache] of policies)
    await pipeline.generate({ labels: DIGITS, steps: Math.min(4, steps), seed, cache, signal });
  const rows: DemoRow[] = [];
  for (const [policy, cache] of policies)
    rows.push({
      policy,
      result: await pipeline.generate({ labels: DIGITS, steps, seed, cache, signal }, () =>
        progress.advance(),
      ),
    });
  return rows;
}

function printRows(flags: DemoFlags, pipeline: DiTPipeline, rows: readonly DemoRow[]): void {
  const full = rows[0]!.result;
  const figures = rows.map(({ policy, result: { latents, report } }, i) => ({
    policy,
    macs: report.macs,
    milliseconds: report.milliseconds,
    macRatio: report.macs / full.report.macs,
    timeRatio: report.milliseconds / full.report.milliseconds,
    cacheBytes: report.memory.cache,
    psnr: i === 0 ? null : meanPsnr(latents, full.latents, DIGITS.length),
  }));
  if (flags.json) {
    const { backend, threads } = pipeline.device;
    process.stdout.write(`${JSON.stringify({ out: flags.out, backend, threads, rows: figures })}\n`);
    return;
  }
  const cells = figures.map((row) => [
    row.policy,
    gmac(row.macs),
    row.macRatio.toFixed(3),
    `${(row.milliseconds / 1000).toFixed(2)} s`,
    row.timeRatio.toFixed(3),
    row.psnr === null ? '' : `${row.psnr.toFixed(1)} dB`,
  ]);
  process.stdout.write(table(['policy', 'MACs', 'ratio', 'time', 'ratio', 'PSNR to full'], cells));
  process.stdout.write(
    `\n${flags.out}: rows from above full, reuse, calibrated (${pipeline.device.backend}, ${pipeline.device.threads} threads)\n`,
  );
}
