/** What products do with a sum before it is written. */
import type { Epilogue, View } from '../../plan/types.js';
import type { Matrix } from './kernel.js';
import type { Lowering } from './lowering.js';

/** The epilogues of plans, and that of the first half of a calibrated MLP: gelu(base + y) - gelu(base). */
export type ProductEpilogue = Epilogue | 'geluIncrement';

/** The number that kernels know an activation by (`activation` in gpujs/helpers.js); 0 is none. */
export const ACTIVATIONS: Readonly<Record<ProductEpilogue, number>> = {
  none: 0,
  gelu: 1,
  geluErf: 2,
  geluQuick: 3,
  silu: 4,
  gate: 0,
  gateResidual: 0,
  geluIncrement: 1,
};

export interface EpilogueMatrices {
  readonly epilogue: ProductEpilogue;
  readonly gate?: Matrix | undefined;
  readonly residual?: Matrix | undefined;
}

interface EpilogueViews {
  readonly epilogue: Epilogue;
  readonly gate?: View;
  readonly residual?: View;
}

export function epilogueOf({ epilogue, gate, residual }: EpilogueViews, at: Lowering): EpilogueMatrices {
  return { epilogue, gate: gate && at.matrix(gate), residual: residual && at.matrix(residual) };
}

/** Rows of the output that share a row of the gate. */
export function rowsPerGate({ rows }: Matrix, gate: Matrix | undefined): number {
  return gate ? rows / gate.rows : rows;
}

/** These columns of a matrix. */
export function columnsOf<M extends Matrix | undefined>(matrix: M, first: number, columns: number): M {
  return matrix && { ...matrix, columns, offset: matrix.offset + first * matrix.step };
}

/** out = epilogue(y) by a kernel of its own. */
export function runEpilogue(e: EpilogueMatrices, y: Matrix, out: Matrix, at: Lowering): void {
  const gate = e.gate ?? at.constant(1);
  const residual = e.residual ?? at.constant(0);
  const kind = ACTIVATIONS[e.epilogue];
  at.run('epilogue', out, { x: y, gate, residual }, { rowsPerGate: rowsPerGate(out, e.gate), kind });
}
