import { mapViews } from '../../plan/operands.js';
import type { Op, OpName, View } from '../../plan/types.js';
import { KERNELS } from './kernels.js';
import type { Matrix } from './matrix.js';
import type { Operands } from './operands.js';

const KERNEL_OF: { readonly [N in OpName]: (m: Operands<N>) => void } = KERNELS;

/** Runs one operation; `at` gives the matrix behind a view. */
export function runOp(op: Op, at: (view: View) => Matrix): void {
  const kernel = KERNEL_OF[op.op] as (m: unknown) => void;
  kernel(mapViews(op, at));
}
