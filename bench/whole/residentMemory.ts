import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { namedConfig, tensorShapes } from '../../src/models/index.js';
import { writeSafetensors } from '../../src/weights/index.js';
import { type Columns, markdownTable } from '../table.js';
import { sizeOf } from '../tensor.js';
import { type DeviceChoice, deviceName, presentDevices } from './devices.js';
import { IMPORT_PEAK_MEMORY } from './peakMemory.js';

export interface MemoryRow {
  readonly contender: string;
  /** Of the checkpoint, in float32. */
  readonly fileBytes: number;
  /** The most that was resident of the process. */
  readonly peakBytes: number;
}

const SIZE = 'DiT-XL/2';

/** Loads the model, takes one step of one image and says the most memory the process ever had. */
const PROGRAM = `
  ${IMPORT_PEAK_MEMORY}
  import { Pipeline } from ${JSON.stringify(new URL('../../src/index.js', import.meta.url).href)};
  const pipeline = await Pipeline.load(process.argv[1], JSON.parse(process.argv[2]));
  for await (const step of pipeline.sample({ labels: [3], guidanceScale: 1, steps: 2 })) break;
  process.stdout.write(String(peakMemory()));
  await pipeline.dispose();
`;

/** The peak resident memory of a process with the model in float32, against the size of the file. */
export async function residentMemory(size = SIZE, devices = presentDevices()) {
  const folder = mkdtempSync(join(tmpdir(), 'incache-bench-'));
  try {
    const path = join(folder, 'model.safetensors');
    writeRandomModel(path, size);
    const rows = devices.map((choice) => measure(path, choice));
    const text = `A process that loads ${size} and takes a step of one image, on each device.`;
    return { text, rows };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function measure(path: string, choice: DeviceChoice): MemoryRow {
  const args = ['--input-type=module', '-e', PROGRAM, path, JSON.stringify(choice)];
  return {
    contender: deviceName(choice),
    fileBytes: statSync(path).size,
    peakBytes: Number(execFileSync(process.execPath, args, { encoding: 'utf8' })),
  };
}

/** Small random weights; a tensor is made when its turn to be written comes. */
function writeRandomModel(path: string, size: string): void {
  const tensors = [...tensorShapes(namedConfig(size))].map(([name, shape]) => ({
    name,
    dtype: 'F32' as const,
    shape,
    data: () => randomValues(sizeOf(shape)),
  }));
  writeSafetensors(path, tensors);
}

export function randomValues(count: number): Float32Array {
  const values = new Float32Array(count);
  for (let i = 0; i < count; i++) values[i] = (Math.random() - 0.5) * 0.04;
  return values;
}

const gigabytes = (bytes: number) => (bytes / 1e9).toFixed(2);

const COLUMNS: Columns<MemoryRow> = [
  ['', ({ contender }) => contender],
  ['file, GB', ({ fileBytes }) => gigabytes(fileBytes)],
  ['peak resident, GB', ({ peakBytes }) => gigabytes(peakBytes)],
  ['ratio', ({ fileBytes, peakBytes }) => (peakBytes / fileBytes).toFixed(3)],
];

export function memoryTable(rows: readonly MemoryRow[]): string {
  return markdownTable(COLUMNS, rows);
}
