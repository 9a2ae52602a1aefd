/** Which part of a buffer has been written: bands of rows from top to bottom, each with the columns that it has. */
import type { View } from './types.js';

/** Rows from `row` to the next band; `spans` are disjoint, ascending pairs of first column and end. */
interface Band {
  readonly row: number;
  readonly spans: readonly (readonly [number, number])[];
}

type Rectangle = Omit<View, 'buffer'>;

export class Region {
  #bands: Band[] = [{ row: 0, spans: [] }];

  add(view: Rectangle): void {
    const first = this.#cut(view.row);
    const end = this.#cut(view.row + view.rows);
    for (let i = first; i < end; i++)
      this.#bands[i] = { row: this.#bands[i]!.row, spans: union(this.#bands[i]!.spans, view) };
    this.#bands = this.#bands.filter((band, i, all) => i === 0 || !sameSpans(all[i - 1]!, band));
  }

  /** The first rectangle of `view`, from the top, that is not in the region; undefined when the region has it all. */
  missing(view: Rectangle): Rectangle | undefined {
    const endRow = view.row + view.rows;
    for (const [i, { row, spans }] of this.#bands.entries()) {
      const end = Math.min(this.#bands[i + 1]?.row ?? endRow, endRow);
      const start = Math.max(row, view.row);
      if (end <= start) continue;
      const gap = firstGap(spans, view.column, view.column + view.columns);
      if (gap) return { row: start, rows: end - start, column: gap[0], columns: gap[1] - gap[0] };
    }
    return undefined;
  }

  /** The place of the band that begins at `row`, which is cut off from the one above where there is none. */
  #cut(row: number): number {
    const place = this.#bands.findIndex((band) => band.row >= row);
    const next = place < 0 ? this.#bands.length : place;
    if (this.#bands[next]?.row !== row)
      this.#bands.splice(next, 0, { row, spans: this.#bands[next - 1]!.spans });
    return next;
  }
}

function union(spans: Band['spans'], { column, columns }: Rectangle): Band['spans'] {
  let [start, end] = [column, column + columns];
  const apart = spans.filter(([from, to]) => {
    const touches = from <= end && start <= to;
    if (touches) [start, end] = [Math.min(start, from), Math.max(end, to)];
    return !touches;
  });
  return [...apart, [start, end] as const].sort((a, b) => a[0] - b[0]);
}

function firstGap(spans: Band['spans'], first: number, end: number): [number, number] | undefined {
  let column = first;
  for (const [from, to] of spans) {
    if (from > column) return [column, Math.min(from, end)];
    column = Math.max(column, to);
    if (column >= end) return undefined;
  }
  return [column, end];
}

function sameSpans(a: Band, b: Band): boolean {
  return a.spans.length === b.spans.length && a.spans.every((span, i) => span.join() === b.spans[i]!.join());
}
