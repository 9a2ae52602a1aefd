/** Compares a run with a stored one: what got slower, measured by its limit. */
import { FormatError } from '../src/errors.js';
import type { ResultFile } from './schema/read.js';

export interface Change {
  /** Kernel, shape and contender. */
  readonly name: string;
  /** Share of the limit, and which. */
  readonly before: number;
  readonly after: number;
  readonly limit: 'loop' | 'copy';
}

export interface Comparison {
  readonly compared: number;
  readonly slower: readonly Change[];
  readonly faster: readonly Change[];
  /** In the stored run, but not in this one. */
  readonly missing: readonly string[];
}

/** A row of kernels, of a block or of whole runs. */
interface ComparableRow {
  readonly contender: string;
  readonly kernel?: string;
  readonly shape?: string;
  readonly threads: number;
  readonly ofLoop?: number;
  readonly ofCopy?: number;
}

/**
 * Shares of the limit loop, which carry over from one machine and its load to another as times do not; of kernels without
 * products shares of the memory copy. Peers are left out: that they got slower is no fault of ours.
 * Throws a `FormatError` when the two are of different things or have nothing in common.
 */
export function compareResults(baseline: ResultFile, run: ResultFile, tolerance: number): Comparison {
  if (baseline.what !== run.what || baseline.model !== run.model)
    throw new FormatError(
      `the stored result is of ${nameOfFile(baseline)} and this run of ${nameOfFile(run)}`,
    );
  const [stored, now] = [comparableRows(baseline), comparableRows(run)];
  const changes: Change[] = [];
  for (const [name, row] of now) {
    const before = stored.get(name);
    const change = before && changeOf(name, before, row);
    if (change) changes.push(change);
  }
  if (changes.length === 0)
    throw new FormatError(`the stored result and this run, both of ${run.what}, have no row in common`);
  const bound = tolerance / 100;
  return {
    compared: changes.length,
    slower: changes.filter(({ before, after }) => after < before * (1 - bound)),
    faster: changes.filter(({ before, after }) => after * (1 - bound) > before),
    missing: [...stored.keys()].filter((name) => !now.has(name)),
  };
}

function nameOfFile({ what, model }: ResultFile): string {
  return model === undefined ? what : `${what} ${model}`;
}

function comparableRows({ rows = [] }: ResultFile): Map<string, ComparableRow> {
  const ours = (rows as ComparableRow[]).filter(
    ({ contender }) => !/onnxruntime|PyTorch|tfjs|gpu\.js/.test(contender),
  );
  return new Map(ours.map((row) => [nameOf(row), row]));
}

function nameOf({ kernel, shape, contender, threads }: ComparableRow): string {
  return kernel === undefined ? `${contender}, threads: ${threads}` : `${kernel}, ${shape}, ${contender}`;
}

function changeOf(name: string, before: ComparableRow, after: ComparableRow): Change | undefined {
  if (before.ofLoop !== undefined && after.ofLoop !== undefined)
    return { name, before: before.ofLoop, after: after.ofLoop, limit: 'loop' };
  if (before.ofCopy !== undefined && after.ofCopy !== undefined)
    return { name, before: before.ofCopy, after: after.ofCopy, limit: 'copy' };
  return undefined;
}

/** For people: a line for each that changed, then how many did. */
export function comparisonText({ compared, slower, faster, missing }: Comparison, tolerance: number): string {
  const line = (word: string) => (change: Change) => {
    const { name, before, after, limit } = change;
    const share = (value: number) => `${(value * 100).toFixed(0)} %`;
    return `${word}: ${name}: ${share(after)} of the ${limit}, was ${share(before)} (${((after / before - 1) * 100).toFixed(0)} %)`;
  };
  return [
    ...slower.map(line('slower')),
    ...faster.map(line('faster')),
    `${compared} compared: ${slower.length} slower and ${faster.length} faster by more than ${tolerance} %`,
    ...(missing.length ? [`${missing.length} of the stored rows were not run`] : []),
  ].join('\n');
}
