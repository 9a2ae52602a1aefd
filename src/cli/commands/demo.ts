import type { Command } from 'commander';
import { ArgumentError } from '../../errors.js';
import type { Pipeline } from '../../pipeline/pipeline.js';
import { writeFileAtomic } from '../../weights/atomicFile.js';
import { contendersOf } from '../demo/contenders.js';
import { type DemoRow, demoRows, demoWork, ROUNDS } from '../demo/rows.js';
import { type SheetRow, sheet } from '../demo/sheet.js';
import { type DemoSubject, demoSubject } from '../demo/subject.js';
import { interruptSignal } from '../exit.js';
import { requireFilePath } from '../outputPath.js';
import { integer, MOST_STEPS } from '../parse.js';
import { startProgress } from '../progress.js';
import { serveDemo } from '../serveDemo.js';
import {
  addDeviceFlags,
  addOutputFlags,
  loadPipeline,
  type ModelFlags,
  type OutputFlags,
} from '../shared.js';
import { counted, gmac, table } from '../table.js';

interface DemoFlags extends Omit<ModelFlags, 'model'>, OutputFlags {
  readonly prompt?: readonly string[];
  readonly steps?: number;
  readonly period: number;
  readonly seed: number;
  readonly out: string;
  readonly web?: boolean;
  readonly port: number;
}

export function register(program: Command): void {
  const command = program
    .command('demo')
    .description(
      'Draw the same emoji in rows from the same noise: in full, with fewer steps, and with kinds of caching; and say what each row cost.',
    )
    .option(
      '--prompt <text>',
      'draw this instead; may be repeated',
      (text: string, all: readonly string[] = []) => [...all, text],
    )
    .option('--steps <n>', 'denoising steps (default: 20)', integer('steps', 2, MOST_STEPS))
    .option('--period <p>', 'compute every p-th step in full', integer('period', 1), 2)
    .option('-s, --seed <n>', 'seed of the noise', integer('seed', 0), 0)
    .option('--web', 'serve a page on this machine that does the same in a browser, with digits or emoji')
    .option('--port <n>', 'of --web', integer('port', 0, 65535), 8765);
  addDeviceFlags(command).option('-o, --out <file>', 'PNG with a row for each policy', 'demo.png');
  addOutputFlags(command).action(runDemo);
}

async function runDemo(flags: DemoFlags): Promise<void> {
  if (flags.web) return serveDemo(flags.port, flags.json === true, interruptSignal());
  if (!flags.out.endsWith('.png')) throw new ArgumentError('out', flags.out, 'a name that ends in .png');
  requireFilePath('out', flags.out);
  const signal = interruptSignal();
  const subject = demoSubject(flags.prompt);
  const { period, seed, steps = subject.steps } = flags;
  const contenders = contendersOf(subject, steps, period);
  await using pipeline = await loadPipeline({ ...flags, model: subject.model });
  const progress = startProgress('demo', demoWork(contenders), flags.json === true);
  try {
    const { request } = subject;
    const onStep = () => progress.advance();
    const rows = await demoRows(pipeline, { request, contenders, seed, signal, onStep });
    progress.stop();
    writeFileAtomic(flags.out, sheet(request.prompts, rows.map(captioned)).toPng());
    printRows(flags, pipeline, subject, rows);
  } finally {
    progress.stop();
  }
}

function captioned(row: DemoRow): SheetRow {
  const { policy, pictures, timeRatio, macRatio, psnr } = row;
  const figures = [`time ${timeRatio.toFixed(2)}`, `MACs ${macRatio.toFixed(2)}`];
  return { caption: [policy, ...figures, psnr === null ? '' : `PSNR ${psnr.toFixed(1)} dB`], pictures };
}

function printRows(
  { json, out }: DemoFlags,
  { device }: Pipeline,
  { model, request }: DemoSubject,
  rows: readonly DemoRow[],
): void {
  const { backend, threads } = device;
  if (json) {
    const figures = rows.map(({ pictures, ...row }) => row);
    const result = { out, model, images: request.prompts, backend, threads, rows: figures };
    process.stdout.write(`${JSON.stringify(result)}\n`);
    return;
  }
  const cells = rows.map((row) => [
    row.policy,
    gmac(row.macs),
    row.macRatio.toFixed(3),
    `${(row.milliseconds / 1000).toFixed(2)} s`,
    row.timeRatio.toFixed(3),
    row.psnr === null ? '' : `${row.psnr.toFixed(1)} dB`,
  ]);
  process.stdout.write(
    table(['row of the picture', 'MACs', 'ratio', 'time', 'ratio', 'PSNR to full'], cells),
  );
  process.stdout.write(
    `\n${out}; ${backend}, ${counted(threads, 'thread')}; times are medians of ${ROUNDS}, warm\n`,
  );
}
