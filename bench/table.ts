/** Markdown tables, and how figures are written in them. */
import type { Statistics, Verdict } from './statistics.js';

export type Columns<Row> = readonly (readonly [title: string, cell: (row: Row) => string | number])[];

export function markdownTable<Row>(columns: Columns<Row>, rows: readonly Row[]): string {
  const lines = [columns.map(([title]) => title), columns.map(() => '---')];
  for (const row of rows) lines.push(columns.map(([, cell]) => String(cell(row))));
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** `94 % of 180`. */
export function percent(share: number | undefined, limit: number | undefined): string {
  if (share === undefined) return '';
  const text = `${(share * 100).toFixed(0)} %`;
  return limit === undefined ? text : `${text} of ${limit.toFixed(0)}`;
}

/** Empty of results that kept no samples. */
export function spread({ samples, p10, p90 }: Statistics, text: (value: number) => string): string {
  return samples > 0 ? `${text(p10)} to ${text(p90)}` : '';
}

/** The ratio, with a question mark where the two samples could not be told apart. */
export function ratioWithVerdict(ratio: number | undefined, verdict: Verdict | undefined): string {
  if (ratio === undefined) return '';
  return `${ratio.toFixed(2)}${verdict === 'not told apart' ? ' ?' : ''}`;
}

/** Both shares, and what the time is over what the multiply-adds alone would have it be. */
export function shares({
  timeShare,
  macShare,
}: {
  readonly timeShare?: number | undefined;
  readonly macShare?: number | undefined;
}): string {
  if (timeShare === undefined || macShare === undefined) return '';
  return `${timeShare.toFixed(3)} / ${macShare.toFixed(3)} = ${(timeShare / macShare).toFixed(2)}`;
}
