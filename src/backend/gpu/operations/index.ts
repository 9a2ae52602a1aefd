import type { OpOf } from '../../../plan/schema.js';
import type { Op, OpName } from '../../../plan/types.js';
import type { Lowering } from '../lowering.js';
import { LOWERINGS } from './lowerings.js';

const LOWERING_OF: { readonly [N in OpName]: (op: OpOf<N>, at: Lowering) => void } = LOWERINGS;

/** Adds the dispatches of any operation. */
export function lower(op: Op, at: Lowering): void {
  const lowering = LOWERING_OF[op.op] as (op: Op, at: Lowering) => void;
  lowering(op, at);
}
