import { writeThrough } from './epilogue.js';
import { get, type Matrix } from './matrix.js';

export function gateResidual(x: Matrix, gate: Matrix, residual: Matrix, out: Matrix): void {
  const epilogue = { epilogue: 'gateResidual', gate, residual } as const;
  for (let i = 0; i < x.rows; i++)
    for (let j = 0; j < x.columns; j++) writeThrough(epilogue, out, i, j, get(x, i, j));
}
