import type { GeluOp } from '../../../plan/types.js';
import type { Operation, Placement } from '../operation.js';
import { elementwise } from './elementwise.js';
import { kindOfEpilogue } from './epilogue.js';

const EPILOGUES = { tanh: 'gelu', erf: 'geluErf', quick: 'geluQuick' } as const;

export function gelu(op: GeluOp, at: Placement): Operation {
  return elementwise('gelu', op, at, [kindOfEpilogue(EPILOGUES[op.form ?? 'tanh'])]);
}
