/** The rows of `incache demo` on the model of emoji: what each policy costs and loses, warm, and its time on other devices. */
import { contendersOf } from '../../src/cli/demo/contenders.js';
import { type DemoRow, demoRows } from '../../src/cli/demo/rows.js';
import { demoSubject } from '../../src/cli/demo/subject.js';
import { backends, type LoadOptions, Pipeline } from '../../src/index.js';
import { type Columns, markdownTable } from '../table.js';

type Row = Omit<DemoRow, 'pictures'>;

const ROUNDS = 9;
const ROUNDS_ELSEWHERE = 5;

const subject = demoSubject();

export async function demo() {
  const { request, steps } = subject;
  const { rows, backend, threads } = await rowsOn({}, ROUNDS, () => true);
  const devices: DeviceRow[] = [];
  for (const device of DEVICES) if (isPresent(device.backend)) devices.push(await timesOn(device));
  const text = `${request.prompts.length} emoji from words, ${steps} steps, guidance ${request.guidanceScale}, ${backend}, ${threads} threads; rows in turn, medians of ${ROUNDS}, warm.`;
  const elsewhere = `On each device, medians of ${ROUNDS_ELSEWHERE}: time and multiply-adds over the full run.`;
  const tables = [markdownTable(COLUMNS, rows), elsewhere, markdownTable(DEVICE_COLUMNS, devices)];
  return { text: [text, ...tables].join('\n\n'), rows, devices };
}

const COLUMNS: Columns<Row> = [
  ['', ({ policy }) => policy],
  ['multiply-adds', ({ macRatio }) => macRatio.toFixed(3)],
  ['time', ({ timeRatio }) => timeRatio.toFixed(3)],
  ['PSNR to full', ({ psnr }) => (psnr === null ? '' : `${psnr.toFixed(1)} dB`)],
];

type DemoDevice = Required<Pick<LoadOptions, 'backend' | 'weights' | 'threads'>>;

interface DeviceRow extends DemoDevice {
  /** Of the full run, in milliseconds. */
  readonly full: number;
  readonly reuse: Row;
  readonly calibrated: Row;
}

const DEVICES: readonly DemoDevice[] = (
  [
    ['native', 'f32'],
    ['native', 'bf16'],
    ['wasm', 'f32'],
  ] as const
).flatMap(([backend, weights]) => [1, 2].map((threads) => ({ backend, weights, threads })));

const DEVICE_COLUMNS: Columns<DeviceRow> = [
  ['backend', ({ backend }) => backend],
  ['weights', ({ weights }) => weights],
  ['threads', ({ threads }) => threads],
  ['full', ({ full }) => `${(full / 1000).toFixed(2)} s`],
  ['reuse: time, multiply-adds', ({ reuse }) => ratios(reuse)],
  ['calibrated: time, multiply-adds', ({ calibrated }) => ratios(calibrated)],
];

function ratios({ timeRatio, macRatio }: Row): string {
  return `${timeRatio.toFixed(3)}, ${macRatio.toFixed(3)}`;
}

function isPresent(backend: string): boolean {
  return backends().some(({ name, available }) => name === backend && available);
}

async function timesOn(device: DemoDevice): Promise<DeviceRow> {
  const { rows } = await rowsOn(device, ROUNDS_ELSEWHERE, (policy) =>
    /^(full|reuse|calibrated)/.test(policy),
  );
  const [full, reuse, calibrated] = rows as [Row, Row, Row];
  return { ...device, full: full.milliseconds, reuse, calibrated };
}

async function rowsOn(device: LoadOptions, rounds: number, isWanted: (policy: string) => boolean) {
  await using pipeline = await Pipeline.load(subject.model, device);
  const { signal } = new AbortController();
  const contenders = contendersOf(subject, subject.steps, 2).filter(({ policy }) => isWanted(policy));
  const options = { request: subject.request, contenders, seed: 0, rounds, signal, onStep: () => {} };
  const rows = (await demoRows(pipeline, options)).map(({ pictures, ...row }): Row => row);
  const { backend, threads } = pipeline.device;
  return { rows, backend, threads };
}
