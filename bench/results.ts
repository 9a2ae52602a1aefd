/** What a benchmark says: a table for people, a file for comparing. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { arch, cpus } from 'node:os';

export interface Row {
  readonly kernel: string;
  readonly shape: string;
  readonly contender: string;
  readonly milliseconds: number;
  readonly gflops: number;
  /** Rate of the multiply-add loop of the same build, one thread, in the same rounds. */
  readonly loopGflops: number;
  /** `gflops / loopGflops`, round by round. */
  readonly ofLoop: number;
  /** How many times as fast as onnxruntime-web, and as one thread in float32 of the same build. */
  readonly overOnnx?: number | undefined;
  readonly overOneThread?: number | undefined;
  /** Time over that of the linear that a calibrated one replaces, and its share of the multiply-adds. */
  readonly timeShare?: number | undefined;
  readonly macShare?: number | undefined;
}

const COLUMNS = [
  ['kernel', (row: Row) => row.kernel],
  ['shape', (row: Row) => row.shape],
  ['', (row: Row) => row.contender],
  ['ms', (row: Row) => row.milliseconds.toFixed(2)],
  ['GFLOP/s', (row: Row) => row.gflops.toFixed(1)],
  ['loop', (row: Row) => row.loopGflops.toFixed(1)],
  ['of loop', (row: Row) => `${(row.ofLoop * 100).toFixed(0)} %`],
  ['x onnxruntime-web', (row: Row) => row.overOnnx?.toFixed(2) ?? ''],
  ['x 1 thread f32', (row: Row) => row.overOneThread?.toFixed(2) ?? ''],
  ['time share / MAC share', (row: Row) => shares(row)],
] as const;

export function markdown(rows: readonly Row[]): string {
  const lines = [COLUMNS.map(([title]) => title), COLUMNS.map(() => '---')];
  for (const row of rows) lines.push(COLUMNS.map(([, cell]) => cell(row)));
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** Writes the rows of kernels below the working directory and returns the path. */
export function save(rows: readonly Row[]): string {
  return saveJson('kernels', { rows });
}

/** Writes `bench/results/<what>-<machine>-<date>.json` below the working directory and returns its path. */
export function saveJson(what: string, figures: object): string {
  const date = new Date().toISOString().slice(0, 10);
  const path = `bench/results/${what}-${machineName()}-${date}.json`;
  mkdirSync('bench/results', { recursive: true });
  const { node, v8 } = process.versions;
  const file = { machine: machineName(), date, node, v8, ...figures };
  writeFileSync(path, `${JSON.stringify(file, undefined, 1)}\n`);
  return path;
}

/** Both shares, and what the time is over what the multiply-adds alone would have it be. */
export function shares({ timeShare, macShare }: Pick<Row, 'timeShare' | 'macShare'>): string {
  if (timeShare === undefined || macShare === undefined) return '';
  return `${timeShare.toFixed(3)} / ${macShare.toFixed(3)} = ${(timeShare / macShare).toFixed(2)}`;
}

/** The chip and how many threads of it, nothing that says whose it is. */
function machineName(): string {
  const model = cpus()[0]?.model ?? arch();
  const chip = model
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
  return `${chip}-${cpus().length}`;
}
