/** Random one-operation plans of every operation. */
import type { OpName } from '../../src/plan/types.js';
import type { CaseMaker } from './cases/builder.js';
import * as elementwise from './cases/elementwise.js';
import * as layouts from './cases/layouts.js';
import * as products from './cases/products.js';
import * as reductions from './cases/reductions.js';

export type { CaseMaker, ConformanceCase } from './cases/builder.js';

/** A maker for every operation; the type fails to compile when one is missing, or when a module exports anything else. */
export const CASES: Readonly<Record<OpName, CaseMaker>> = {
  ...elementwise,
  ...layouts,
  ...products,
  ...reductions,
};
