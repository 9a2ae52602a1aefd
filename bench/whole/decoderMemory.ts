/** The most memory that a process has which decodes a picture of 512 pixels, at once and in tiles. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeDecoder } from '../decoder/writeDecoder.js';
import { type Columns, markdownTable } from '../table.js';
import { type DeviceChoice, deviceName, presentDevices } from './devices.js';
import { IMPORT_PEAK_MEMORY } from './peakMemory.js';

export interface DecoderMemoryRow {
  readonly contender: string;
  readonly tiled: boolean;
  /** The most that was resident of the process. */
  readonly peakBytes: number;
  /** Of the decoding, weights read and packed. */
  readonly milliseconds: number;
}

const SIDE = 64;

const moduleText = (name: string) => JSON.stringify(new URL(`../../src/${name}.js`, import.meta.url).href);

const PROGRAM = `
  ${IMPORT_PEAK_MEMORY}
  import { decodeLatents } from ${moduleText('index')};
  import { normals } from ${moduleText('diffusion/index')};
  const [, vae, options] = process.argv;
  const shape = [1, 4, ${SIDE}, ${SIDE}];
  const started = performance.now();
  const [picture] = await decodeLatents(normals(1, 0, 0, 4 * ${SIDE * SIDE}), shape, { vae, ...JSON.parse(options) });
  if (picture.width !== ${8 * SIDE}) throw new Error('no picture of 512 pixels');
  const peak = peakMemory();
  process.stdout.write(JSON.stringify([peak, performance.now() - started]));
`;

/** Each line is a process of its own, which reads the decoder from its file. */
export async function decoderMemory(devices = presentDevices()) {
  const folder = mkdtempSync(join(tmpdir(), 'incache-bench-'));
  try {
    const vae = writeDecoder(folder);
    const rows = devices.flatMap((choice) => [false, true].map((tiled) => measure(vae, choice, tiled)));
    const text = `Stable Diffusion's decoder with random weights (198 MB in float32), a picture of 512 x 512, each line a process of its own.`;
    return { text, rows };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function measure(vae: string, choice: DeviceChoice, tiled: boolean): DecoderMemoryRow {
  const options = JSON.stringify({ ...choice, tiled });
  const args = ['--input-type=module', '-e', PROGRAM, vae, options];
  const [peakBytes, milliseconds] = JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }));
  return { contender: deviceName(choice), tiled, peakBytes, milliseconds };
}

const COLUMNS: Columns<DecoderMemoryRow> = [
  ['', ({ contender }) => contender],
  ['', ({ tiled }) => (tiled ? 'in tiles of 256' : 'at once')],
  ['peak resident, MB', ({ peakBytes }) => (peakBytes / 1e6).toFixed(0)],
  ['s', ({ milliseconds }) => (milliseconds / 1000).toFixed(1)],
];

export function decoderMemoryTable(rows: readonly DecoderMemoryRow[]): string {
  return markdownTable(COLUMNS, rows);
}
