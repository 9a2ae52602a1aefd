import type { Plan } from '../../src/plan/types.js';

/** A plan of one operation to be timed. */
export interface KernelCase {
  readonly kernel: string;
  readonly shape: string;
  readonly flops: number;
  readonly plan: Plan;
  /** A plan that the case replaces, and the share of its multiply-adds that the case has. */
  readonly replaces?: { readonly plan: Plan; readonly share: number };
  /** The same product for rivals that take a matrix: `rows` x `depth` by `depth` x `columns`. */
  readonly product?: { readonly rows: number; readonly depth: number; readonly columns: number };
}

/** Tokens of a 256-pixel image of DiT-XL/2. */
export const TOKENS = 256;

/** The linears of a DiT-XL/2 block, `columns` outputs of `depth` inputs. */
export const SHAPES = [
  { name: 'proj', depth: 1152, columns: 1152 },
  { name: 'fc1', depth: 1152, columns: 4608 },
  { name: 'fc2', depth: 4608, columns: 1152 },
] as const;
