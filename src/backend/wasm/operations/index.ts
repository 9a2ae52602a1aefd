import type { OpOf } from '../../../plan/schema.js';
import type { Op, OpName } from '../../../plan/types.js';
import type { Operation, Placement } from '../operation.js';
import { ENCODERS } from './encoders.js';

const ENCODER_OF: { readonly [N in OpName]: (op: OpOf<N>, at: Placement) => Operation } = ENCODERS;

/** Encodes any operation for its kernel. */
export function encode(op: Op, at: Placement): Operation {
  const encoder = ENCODER_OF[op.op] as (op: Op, at: Placement) => Operation;
  return encoder(op, at);
}
