/** What is varied, over which values, and what is held. */
import type { BlocksShape } from './blocks.js';

export interface SweepPlan {
  readonly name: string;
  readonly values: readonly number[];
  /** `value` in its place, and how many threads. */
  at(value: number, threads: number): BlocksShape & { readonly threads: number };
}

const USUAL = { images: 2, tokens: 256, depth: 2 } as const;

/** `cores`: the most threads. `quick` leaves out the long ends. */
export function sweepPlans(cores: number, quick: boolean): SweepPlan[] {
  const upTo = (values: readonly number[], most: number) => values.filter((value) => !quick || value <= most);
  return [
    {
      name: 'threads',
      values: powersOfTwo(cores),
      at: (value) => ({ ...USUAL, threads: value }),
    },
    {
      name: 'batch',
      values: upTo([1, 2, 4, 8, 16], 4),
      at: (value, threads) => ({ ...USUAL, images: value, threads }),
    },
    {
      name: 'tokens',
      values: upTo([64, 256, 1024, 4096], 1024),
      at: (value, threads) => ({ images: 1, tokens: value, depth: 1, threads }),
    },
    {
      name: 'depth',
      values: upTo([1, 2, 4, 8, 12], 4),
      at: (value, threads) => ({ ...USUAL, depth: value, threads }),
    },
    {
      name: 'rank',
      values: [32, 64, 128, 256],
      at: (value, threads) => ({ ...USUAL, rank: value, threads }),
    },
  ];
}

/** 1, 2, 4 and so on, and `most` itself. */
export function powersOfTwo(most: number): number[] {
  const values: number[] = [];
  for (let value = 1; value < most; value *= 2) values.push(value);
  return [...values, most];
}
