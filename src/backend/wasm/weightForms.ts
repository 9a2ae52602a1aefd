/** In which forms a plan needs its weights. */
import { operandsOf } from '../../plan/operands.js';
import type { Op, Plan, PlanBuffer, View } from '../../plan/types.js';

export interface Form {
  /** Name, rectangle and kind: what is equal between plans is shared. */
  readonly key: string;
  readonly kind: 'plain' | 'panels' | 'quantized';
  readonly view: View;
  /** Places of the filters of a convolution; 1 of other weights. */
  readonly taps: number;
}

/** Below this many channels in or out, a quantised weight saves less than packing costs. */
const INT8_LEAST = 64;
/** Above this depth the 32-bit sums of 8-bit weights and 12-bit activations could overflow. */
const INT8_MOST = 8192;

/** The forms by weight buffer. */
export function neededForms(plan: Plan, int8: boolean): Map<PlanBuffer, Form[]> {
  const forms = new Map<PlanBuffer, Form[]>();
  for (const { op } of plan.ops) {
    for (const { name, view } of operandsOf(op).reads) {
      const buffer = plan.buffers[view.buffer]!;
      if (buffer.role !== 'weight') continue;
      const form = formOf(plan, op, name, view, int8);
      const known = forms.get(buffer) ?? [];
      if (!known.some(({ key }) => key === form.key)) known.push(form);
      forms.set(buffer, known);
    }
  }
  return forms;
}

/** The form of the operand `name` of `op`: the weights of products are packed, everything else is plain. */
function formOf(plan: Plan, op: Op, name: string, view: View, int8: boolean): Form {
  const buffer = plan.buffers[view.buffer]!;
  if (!isProductWeight(name)) return { key: plainKey(buffer), kind: 'plain', view, taps: 1 };
  if (int8 && takesInt8(plan, op))
    return { key: quantizedKey(buffer, view), kind: 'quantized', view, taps: 1 };
  const taps = op.op === 'convolution' ? op.kernel ** 2 : 1;
  return { key: panelsKey(buffer, view, taps), kind: 'panels', view, taps };
}

/** `weight`, `factors[i].down` or `factors[i].up`. */
function isProductWeight(name: string): boolean {
  return name === 'weight' || name.startsWith('factors');
}

/**
 * Whether a linear of an `int8` device runs in 8 bits. One whose bare product is kept as state does not:
 * it is the cached hidden of the rank form, from which the float32 product of the same weight is subtracted.
 */
export function takesInt8(plan: Plan, op: Op): boolean {
  if (op.op !== 'linear') return false;
  const { rows, columns } = op.weight;
  const bare = op.bias === undefined && op.epilogue === 'none';
  const keepsHidden = bare && plan.buffers[op.out.buffer]!.role === 'state';
  return rows >= INT8_LEAST && columns >= INT8_LEAST && columns <= INT8_MOST && !keepsHidden;
}

export function plainKey({ name }: PlanBuffer): string {
  return `plain ${name}`;
}

export function panelsKey(buffer: PlanBuffer, view: View, taps = 1): string {
  return `panels ${rectangle(view)}${taps > 1 ? ` by ${taps}` : ''} ${buffer.name}`;
}

export function quantizedKey(buffer: PlanBuffer, view: View): string {
  return `quantized ${rectangle(view)} ${buffer.name}`;
}

function rectangle({ row, rows, column, columns }: View): string {
  return `${row}+${rows},${column}+${columns}`;
}
