import type { FactorSet } from '../cache/data/factorSet.js';

/** `32`, or `1 to 73 (mean 31.5)` where layers have ranks of their own. */
export function rankText({ layers }: FactorSet): string {
  const ranks = [...layers.values()].map(({ rank }) => rank);
  const [least, most] = [Math.min(...ranks), Math.max(...ranks)];
  if (least === most) return String(least);
  const mean = ranks.reduce((sum, rank) => sum + rank, 0) / ranks.length;
  return `${least} to ${most} (mean ${mean.toFixed(1)})`;
}
