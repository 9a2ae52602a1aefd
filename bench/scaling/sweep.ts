import type { Statistics } from '../statistics.js';
import { type Columns, markdownTable } from '../table.js';
import { fitPower } from './fit.js';

/** One quantity varied, all others held. */
export interface Sweep {
  readonly sweep: string;
  readonly contender: string;
  readonly points: readonly SweepPoint[];
  /** Of time over x, by least squares of the logarithms. */
  readonly exponent: number;
  /** Of the multiply-adds over x, fitted in the same way; over threads -1. */
  readonly expected: number;
  readonly r2: number;
}

export interface SweepPoint {
  readonly x: number;
  readonly macs: number;
  /** In milliseconds. */
  readonly times: Statistics;
}

export function sweepOf(sweep: string, contender: string, points: readonly SweepPoint[]): Sweep {
  const { exponent, r2 } = fitPower(points.map(({ x, times }) => [x, times.median]));
  const expected = sweep === 'threads' ? -1 : fitPower(points.map(({ x, macs }) => [x, macs])).exponent;
  return { sweep, contender, points, exponent, expected, r2 };
}

const COLUMNS: Columns<Sweep> = [
  ['over', ({ sweep, points }) => `${sweep} ${points.map(({ x }) => x).join(', ')}`],
  ['', ({ contender }) => contender],
  ['ms', ({ points }) => points.map(({ times }) => times.median.toPrecision(3)).join(', ')],
  ['exponent', ({ exponent }) => exponent.toFixed(2)],
  ['expected', ({ expected }) => expected.toFixed(2)],
  ['R2', ({ r2 }) => r2.toFixed(3)],
];

export function sweepTable(sweeps: readonly Sweep[]): string {
  return markdownTable(COLUMNS, sweeps);
}
