import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { namedConfig, tensorShapes } from '../../src/models/index.js';
import { dictionary, tensor, writeTorchZip } from '../../test/support/torchFile.js';
import { type Columns, markdownTable } from '../table.js';
import { sizeOf } from '../tensor.js';
import { type DeviceChoice, deviceName, presentDevices } from './devices.js';
import { IMPORT_PEAK_MEMORY } from './peakMemory.js';
import { randomValues } from './residentMemory.js';

export interface OpenRow {
  readonly contender: string;
  /** Of the checkpoint, in float32. */
  readonly fileBytes: number;
  /** Until the configuration is known and every tensor can be read. */
  readonly openMilliseconds: number;
  /** The most that was resident of the process. */
  readonly peakBytes: number;
}

const SIZE = 'DiT-XL/2';

const INDEX = JSON.stringify(new URL('../../src/index.js', import.meta.url).href);

/** Opens the checkpoint, goes on as `rest` says, and prints the time of opening and the most memory it ever had. */
const program = (rest: string): string => `
  import { DenoiserCheckpoint, Pipeline } from ${INDEX};
  ${IMPORT_PEAK_MEMORY}
  const [, path, options] = process.argv;
  const started = performance.now();
  const checkpoint = new DenoiserCheckpoint(path);
  const opened = performance.now() - started;
  ${rest}
  process.stdout.write(JSON.stringify([opened, peakMemory()]));
`;

const READ_ALL = `
  const held = [...checkpoint.network.tensors.keys()].map((name) => checkpoint.read(name));
  if (held.length === 0) throw new Error('nothing was read');
`;

const STEP = `
  const pipeline = await Pipeline.load(path, JSON.parse(options));
  for await (const step of pipeline.sample({ labels: [3], guidanceScale: 1, steps: 2 })) break;
`;

/** How long a PyTorch checkpoint takes to open, and how much memory a process has that opens, holds or runs it. */
export async function openCheckpoint(size = SIZE, devices = presentDevices()) {
  const folder = mkdtempSync(join(tmpdir(), 'incache-bench-'));
  try {
    const path = writeRandomCheckpoint(join(folder, 'model.pt'), size);
    const rows = [
      measure('opened', path, program('')),
      measure('all tensors held in float32', path, program(READ_ALL)),
      ...devices.map((choice) => measure(`a step on ${deviceName(choice)}`, path, program(STEP), choice)),
    ];
    const text = `A ${size} as PyTorch writes it (.pt), made on the spot, each line a process of its own.`;
    return { text, rows };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function measure(contender: string, path: string, code: string, choice: DeviceChoice | object = {}): OpenRow {
  const args = ['--input-type=module', '-e', code, path, JSON.stringify(choice)];
  const [openMilliseconds, peakBytes] = JSON.parse(
    execFileSync(process.execPath, args, { encoding: 'utf8' }),
  );
  return { contender, fileBytes: statSync(path).size, openMilliseconds, peakBytes };
}

/** Small random weights; a tensor is made when its turn to be written comes. */
function writeRandomCheckpoint(path: string, size: string): string {
  const shapes = [...tensorShapes(namedConfig(size))];
  const state = Object.fromEntries(
    shapes.map(([name, shape], i) => [name, tensor({ key: String(i), shape })]),
  );
  const records = shapes.map(([, shape], i) => [String(i), chunkOf(sizeOf(shape))] as const);
  return writeTorchZip(path, dictionary(state), records);
}

function* chunkOf(count: number): Generator<Uint8Array> {
  yield new Uint8Array(randomValues(count).buffer);
}

const gigabytes = (bytes: number) => (bytes / 1e9).toFixed(2);

const COLUMNS: Columns<OpenRow> = [
  ['', ({ contender }) => contender],
  ['file, GB', ({ fileBytes }) => gigabytes(fileBytes)],
  ['opened in, ms', ({ openMilliseconds }) => openMilliseconds.toFixed(0)],
  ['peak resident, GB', ({ peakBytes }) => gigabytes(peakBytes)],
  ['of the file', ({ fileBytes, peakBytes }) => (peakBytes / fileBytes).toFixed(3)],
];

export function openTable(rows: readonly OpenRow[]): string {
  return markdownTable(COLUMNS, rows);
}
