/** Mean and spread over seeds. */
import type { Cell, Row } from './experiment.js';

export interface Spread {
  readonly mean: number;
  /** The sample standard deviation over seeds; not there for one seed. */
  readonly deviation?: number;
}

/** The rows of one group, such as a configuration, all seeds of it. */
export type Group = readonly Row[];

/** Rows with the same cells in `columns`, groups in the order in which they first appear. */
export function groupBy(rows: readonly Row[], columns: readonly string[]): Group[] {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const key = JSON.stringify(columns.map((column) => row[column]));
    const group = groups.get(key);
    if (group) group.push(row);
    else groups.set(key, [row]);
  }
  return [...groups.values()];
}

/** Spread of the numbers that a group has in a column; undefined where it has none. */
export function spread(group: Group, column: string): Spread | undefined {
  return spreadOf(group.map((row) => row[column]).filter((cell) => typeof cell === 'number'));
}

export function spreadOf(values: readonly number[]): Spread | undefined {
  if (values.length === 0) return undefined;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  if (values.length === 1) return { mean };
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, deviation: Math.sqrt(squares / (values.length - 1)) };
}

/** `12.3 ± 0.4`; nothing for what is not known. */
export function spreadText(found: Spread | undefined, digits: number): string {
  if (!found) return '';
  const { mean, deviation } = found;
  return deviation === undefined
    ? mean.toFixed(digits)
    : `${mean.toFixed(digits)} ± ${deviation.toFixed(digits)}`;
}

/** The cell that all rows of a group have. */
export function common(group: Group, column: string): Cell {
  return group[0]![column] ?? null;
}
