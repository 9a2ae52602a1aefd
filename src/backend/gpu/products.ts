/** Matrix products of all operations: out = epilogue((x - minus) weight^T + bias + share base). */
import type { View } from '../../plan/types.js';
import { type EpilogueMatrices, runEpilogue } from './epilogues.js';
import type { Matrix } from './kernel.js';
import type { Lowering } from './lowering.js';
import type { HiddenInputs } from './wgsl/hidden.js';
import { productDispatch } from './wgsl/product.js';

export interface Product extends EpilogueMatrices {
  readonly x: Matrix;
  readonly minus?: Matrix | undefined;
  readonly weight: View;
  readonly bias?: Matrix | undefined;
  readonly base?: Matrix | undefined;
  readonly share?: 1 | -1;
  readonly out: Matrix;
}

/** Where operations keep what lies between their dispatches. */
export const SCRATCH = { product: 0, hidden: 1, wide: 2, second: 3 } as const;

export function product(p: Product, at: Lowering): void {
  const form = at.forms.products;
  if (form === 'translated') translatedProduct(p, at);
  else at.add(productDispatch(p, form, at));
}

/** h = Wb (x - C(x)), or Wb x - Wb C(x). */
export function hiddenProduct(
  { x, cachedInput, cachedHidden, down }: HiddenInputs,
  out: Matrix,
  at: Lowering,
): void {
  const base = cachedHidden;
  product({ x, minus: cachedInput, weight: down, base, share: -1, epilogue: 'none', out }, at);
}

/** By the kernels of gpu.js, which have one output: the sum, and from it what is written. */
function translatedProduct(p: Product, at: Lowering): void {
  const { out, epilogue } = p;
  const sum = epilogue === 'none' ? out : at.scratch(SCRATCH.product, out.rows, out.columns);
  const increments = epilogue === 'geluIncrement';
  const zero = at.constant(0);
  at.run(
    'product',
    sum,
    {
      x: p.x,
      minus: p.minus ?? zero,
      weight: at.matrix(p.weight),
      bias: p.bias ?? zero,
      base: (increments ? undefined : p.base) ?? zero,
    },
    { depth: p.weight.columns, share: p.share ?? 1 },
  );
  if (increments) at.run('geluIncrement', out, { x: sum, cached: p.base! }, { kind: 1 });
  else if (epilogue !== 'none') runEpilogue(p, sum, out, at);
}
