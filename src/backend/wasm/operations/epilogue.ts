import type { CalibratedLinearOp, CalibratedMlpOp, ConvolutionOp, LinearOp } from '../../../plan/types.js';
import { matrix, type Placement, vector, type Word } from '../operation.js';

/** Places in this list are the kinds of `assembly/epilogue.ts`. */
const KINDS = ['none', 'gelu', 'silu', 'gateResidual', 'residual', 'gate', 'geluErf', 'geluQuick'] as const;

export function kindOfEpilogue(epilogue: (typeof KINDS)[number]): number {
  return KINDS.indexOf(epilogue);
}

/** The words of `Epilogue`. */
export function epilogueWords(op: LinearOp | CalibratedLinearOp | CalibratedMlpOp, at: Placement): Word[] {
  const linear = op.op === 'linear' ? op : undefined;
  const base = op.op === 'linear' ? undefined : op.cachedOutput;
  return [
    kindOfEpilogue(op.epilogue),
    vector(linear?.bias, at),
    ...matrix(base, at),
    ...matrix(linear?.store, at),
    ...matrix(op.out, at),
    ...matrix(op.gate, at),
    ...matrix(op.residual, at),
    op.gate ? op.out.rows / op.gate.rows : 1,
  ];
}

/** The words of `Epilogue` of a convolution. */
export function convolutionEpilogueWords(op: ConvolutionOp, at: Placement): Word[] {
  return [
    kindOfEpilogue(op.epilogue),
    vector(op.bias, at),
    ...matrix(undefined, at),
    ...matrix(undefined, at),
    ...matrix(op.out, at),
    ...matrix(undefined, at),
    ...matrix(op.residual, at),
    1,
  ];
}
