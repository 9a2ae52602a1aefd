/** Which operands may share memory: within an operation, and through tensors that are bound to several names. */
import { batchesOf, batchRows, eachBatch, extentOf } from './batches.js';
import { type Operand, operandsOf } from './operands.js';
import type { Plan, View } from './types.js';

/**
 * Whether two operands of an operation may not share memory as they do: `write` overlaps `other`, and is not the output of an
 * operation that reads `other` element by element from the same place.
 */
export function clashes(write: Operand, other: Operand): boolean {
  if (!overlaps(write.view, other.view)) return false;
  return !(write.name === 'out' && other.field.inPlace && same(write.view, other.view));
}

/** Two names of one tensor that the plan may not use as it does, and the operation at which that shows. */
export interface SharedName {
  readonly written: string;
  readonly other: string;
  readonly place: number;
}

/**
 * The first clash between buffers that are one tensor. `owner` tells for each buffer the first that is bound to the same
 * tensor. A tensor may have several names where none of them is written, or where each operation that writes one could do so
 * in place, and what it wrote is never taken for the values of another name.
 */
export function sharedNameClash(plan: Plan, owner: readonly number[]): SharedName | undefined {
  const shared = new Set(owner.filter((first, id) => first !== id));
  if (shared.size === 0) return undefined;
  const isShared = ({ view }: Operand) => shared.has(owner[view.buffer]!);
  const merged = (operand: Operand): Operand => ({
    ...operand,
    view: { ...operand.view, buffer: owner[operand.view.buffer]! },
  });
  const earlier: Operand[] = [];
  for (const [place, { op }] of plan.ops.entries()) {
    const { reads, writes } = operandsOf(op);
    const written = writes.filter(isShared);
    for (const other of [...reads, ...writes].filter(isShared)) {
      const clash = (write: Operand) => write.view.buffer !== other.view.buffer;
      const found =
        earlier.find((write) => clash(write) && overlaps(merged(write).view, merged(other).view)) ??
        written.find((write) => clash(write) && clashes(merged(write), merged(other)));
      if (!found) continue;
      const [writtenName, otherName] = [found, other].map(({ view }) => plan.buffers[view.buffer]!.name);
      return { written: writtenName!, other: otherName!, place };
    }
    earlier.push(...written);
  }
  return undefined;
}

function same(a: View, b: View): boolean {
  const size = (view: View) => [view.rows, view.columns, batchesOf(view), extentOf(view)].join();
  return a.buffer === b.buffer && a.row === b.row && a.column === b.column && size(a) === size(b);
}

export function overlaps(a: View, b: View): boolean {
  return (
    a.buffer === b.buffer &&
    a.column < b.column + b.columns &&
    b.column < a.column + a.columns &&
    eachBatch(a).some(({ row, rows }) => hasRows(b, row, row + rows))
  );
}

/** Whether a batch has one of the rows from `first` to before `end`. */
function hasRows(view: View, first: number, end: number): boolean {
  if (first >= view.row + extentOf(view) || end <= view.row) return false;
  if (batchesOf(view) === 1) return true;
  // The last batch that begins before the end.
  const last = Math.min(batchesOf(view) - 1, Math.floor((end - 1 - view.row) / view.batchStride!));
  return view.row + last * view.batchStride! + batchRows(view) > first;
}
