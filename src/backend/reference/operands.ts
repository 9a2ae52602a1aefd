/** What kernels of the reference backend are given: the operation, with a matrix in the place of every view. */
import type { OpName, OpOf } from '../../plan/schema.js';
import type { View } from '../../plan/types.js';
import type { Matrix } from './matrix.js';

export type Operands<N extends OpName> = Bound<OpOf<N>>;

type Bound<T> = T extends View
  ? Matrix
  : T extends readonly (infer I)[]
    ? readonly Bound<I>[]
    : T extends object
      ? { readonly [K in keyof T]: Bound<T[K]> }
      : T;
