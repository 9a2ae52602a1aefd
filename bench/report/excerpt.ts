/** Which rows of long tables `docs/performance.md` shows. `docs/performance.html` has all of them. */
import type { CudaCase } from '../cuda/row.js';
import type { KernelRow } from '../kernels/row.js';

interface Excerpt {
  /** Completes "The table has the rows of ...". */
  readonly what: string;
  has(row: unknown): boolean;
}

const EXCERPTS: Readonly<Record<string, Excerpt>> = {
  kernels: {
    what: 'DiT-XL/2 on one thread',
    has: (row) => {
      const { shape, threads } = row as KernelRow;
      return shape.startsWith('XL/2') && threads === 1;
    },
  },
  cuda: {
    what: '32 sequences of 256 tokens, calibrated ones at rank 128',
    has: (row) => {
      const { sequences, tokens, rank } = row as CudaCase;
      return sequences === 32 && tokens === 256 && (rank === 0 || rank === 128);
    },
  },
};

/** The rows to show, and a sentence about the others; empty where all are shown. */
export function excerptOf(
  what: string,
  rows: readonly unknown[],
): { rows: readonly unknown[]; note: string } {
  const excerpt = EXCERPTS[what];
  const shown = excerpt ? rows.filter((row) => excerpt.has(row)) : rows;
  if (!excerpt || shown.length === 0 || shown.length === rows.length) return { rows, note: '' };
  return {
    rows: shown,
    note: `The table has the rows of ${excerpt.what}: ${shown.length} of ${rows.length} in the file.`,
  };
}
