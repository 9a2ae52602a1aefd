import { writeThrough } from './epilogue.js';
import { get } from './matrix.js';
import type { Operands } from './operands.js';

export function gateResidual({ x, gate, residual, out }: Operands<'gateResidual'>): void {
  const epilogue = { epilogue: 'gateResidual', gate, residual } as const;
  for (let i = 0; i < x.rows; i++)
    for (let j = 0; j < x.columns; j++) writeThrough(epilogue, out, i, j, get(x, i, j));
}
