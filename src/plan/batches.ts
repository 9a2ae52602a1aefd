/**
 * Views of several batches of rows, as the text or the image tokens of every image in one buffer of both. Backends know plain
 * rectangles only: an operation with such views is cut into parts of which every view is one.
 */
import { entriesOf, isOperand, type OperandField, type OpSchema } from './fields.js';
import { mapViews, operandsOf } from './operands.js';
import { type Op, schemaOf } from './schema.js';
import { shapesOf } from './shapes.js';
import type { View } from './types.js';

/** Batches of a view, and parts that an operation is cut into, at most. */
export const MOST_BATCHES = 1024;

export function batchesOf(view: View): number {
  return view.batches ?? 1;
}

/** Rows of a batch. */
export function batchRows(view: View): number {
  return view.rows / batchesOf(view);
}

/** Rows from the first of a view to its last. */
export function extentOf(view: View): number {
  const between = (batchesOf(view) - 1) * (view.batchStride ?? 0);
  return between + batchRows(view);
}

/** The batches as views of one. */
export function eachBatch(view: View): View[] {
  if (batchesOf(view) === 1) return [view];
  const { batches, batchStride, ...first } = { ...view, rows: batchRows(view) };
  return Array.from({ length: batches! }, (_, i) => ({ ...first, row: view.row + i * batchStride! }));
}

/**
 * What of an operand a part of its operation has: as many of its rows as there are parts in all (`parts`), the row of its image
 * (`images`), rows that begin again after the last (`period`), or all of it (`whole`).
 */
export type Share = 'parts' | 'images' | 'period' | 'whole';

export function shareOf({ fields, parts }: OpSchema, { rows, periodic }: OperandField): Share {
  const [size, divided] = rows.split('|') as [string, string?];
  if (parts === undefined) return 'whole';
  if (size.split('*').includes(parts)) return 'parts';
  const divisor = ([, field]: readonly [string, { kind: string; rows?: string }]) =>
    field.rows?.startsWith(`${size}|`);
  if (divided === undefined && !entriesOf(fields).some((entry) => isOperand(entry[1]) && divisor(entry)))
    return 'whole';
  return periodic ? 'period' : 'images';
}

/** Told what is wrong with a batched operand, in a sentence that begins with its name. */
type Misfit = (problem: string) => void;

/** The operation in parts without batches, in the order of its rows; itself where it has none. */
export function splitBatches(op: Op): readonly Op[] {
  const cut = cutOf(op, () => {});
  if (!cut) return [op];
  const schema = schemaOf(op.op);
  return Array.from(
    { length: cut.count },
    (_, i) => mapViews(op, (view, field) => partOf(view, shareOf(schema, field), cut, i)) as Op,
  );
}

interface Cut {
  /** Independent pieces of the operation, those of a part, and how many parts there are. */
  readonly pieces: number;
  readonly size: number;
  readonly count: number;
}

/** How an operation is cut; undefined where no view has batches. */
export function cutOf(op: Op, misfit: Misfit): Cut | undefined {
  const { reads, writes } = operandsOf(op);
  const operands = [...reads, ...writes];
  const batched = operands.filter(({ view }) => batchesOf(view) > 1);
  if (batched.length === 0) return undefined;
  const schema = schemaOf(op.op);
  const pieces = schema.parts === undefined ? 1 : shapesOf(op).value(schema.parts);
  let size = pieces;
  for (const { name, view, field } of operands) {
    const share = shareOf(schema, field);
    const isBatched = batchesOf(view) > 1;
    if (isBatched && (share === 'whole' || field.types === 'integer')) {
      misfit(`${name} has batches, which ${op.op} does not take there`);
      return undefined;
    }
    if (share === 'period') size = gcd(size, batchRows(view));
    const perPiece = view.rows / pieces;
    if (share === 'images' && perPiece < 1 && pieces % view.rows === 0) size = gcd(size, pieces / view.rows);
    else if (share === 'images' && view.rows % pieces !== 0)
      misfit(`${name} has ${view.rows} rows for ${pieces} parts, which batches do not allow`);
    if (!isBatched || share === 'period' || perPiece < 1) continue;
    if (batchRows(view) % perPiece !== 0)
      misfit(`${name} has batches of ${batchRows(view)} rows; expected a multiple of ${perPiece}`);
    size = gcd(size, Math.floor(batchRows(view) / perPiece));
  }
  const count = pieces / size;
  if (count > MOST_BATCHES)
    misfit(
      `${batched[0]!.name} has batches that cut the operation into ${count} parts; expected at most ${MOST_BATCHES}`,
    );
  return { pieces, size, count };
}

function partOf(view: View, share: Share, { pieces, size }: Cut, part: number): View {
  const first = part * size;
  if (share === 'whole') return view;
  if (share === 'period') return rowsOf(view, first % view.rows, size);
  if (view.rows < pieces) return rowsOf(view, Math.floor(first / (pieces / view.rows)), 1);
  return rowsOf(view, (first * view.rows) / pieces, (size * view.rows) / pieces);
}

/** Rows [first, first + count) of a view, all of one batch. */
function rowsOf(view: View, first: number, count: number): View {
  const { batches: _, batchStride, ...rest } = view;
  const batch = Math.floor(first / batchRows(view));
  return {
    ...rest,
    row: view.row + batch * (batchStride ?? 0) + (first % batchRows(view)),
    rows: count,
  };
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}
