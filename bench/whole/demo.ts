/** The rows of `incache demo` on the model of emoji: what each policy costs and loses, warm, on native kernels. */
import { contendersOf } from '../../src/cli/demo/contenders.js';
import { type DemoRow, demoRows } from '../../src/cli/demo/rows.js';
import { demoSubject } from '../../src/cli/demo/subject.js';
import { Pipeline } from '../../src/index.js';
import { type Columns, markdownTable } from '../table.js';

type Row = Omit<DemoRow, 'pictures'>;

const ROUNDS = 9;

export async function demo() {
  const subject = demoSubject();
  const { model, request, steps } = subject;
  const pipeline = await Pipeline.load(model);
  const { signal } = new AbortController();
  const contenders = contendersOf(subject, steps, 2);
  const options = { request, contenders, seed: 0, rounds: ROUNDS, signal, onStep: () => {} };
  const rows = (await demoRows(pipeline, options)).map(({ pictures, ...row }): Row => row);
  const { backend, threads } = pipeline.device;
  await pipeline.dispose();
  const text = `${request.prompts.length} emoji from words, ${steps} steps, guidance ${request.guidanceScale}, ${backend}, ${threads} threads; rows in turn, medians of ${ROUNDS}, warm.`;
  return { text: `${text}\n\n${markdownTable(COLUMNS, rows)}`, rows };
}

const COLUMNS: Columns<Row> = [
  ['', ({ policy }) => policy],
  ['multiply-adds', ({ macRatio }) => macRatio.toFixed(3)],
  ['time', ({ timeRatio }) => timeRatio.toFixed(3)],
  ['PSNR to full', ({ psnr }) => (psnr === null ? '' : `${psnr.toFixed(1)} dB`)],
];
