/** What a cache gains over the plain alternative, fewer steps, at equal MACs or in equal time. */
import { FEWER_STEPS } from './configuration.js';
import type { Row } from './experiment.js';

/**
 * The rows with a column more: the PSNR above that of fewer steps of the same seed at the same cost, in dB, between two step counts
 * on the straight line; null beyond the costs of the largest and the smallest of them.
 */
export function withGain(rows: readonly Row[], column: string, costOf: (row: Row) => number): Row[] {
  return rows.map((row) => {
    const baseline = rows
      .filter(({ family, seed }) => family === FEWER_STEPS && seed === row.seed)
      .map((plain) => [costOf(plain), Number(plain.psnr)] as const);
    const plain = row.family === FEWER_STEPS ? undefined : interpolate(baseline, costOf(row));
    const known = plain !== undefined && typeof row.psnr === 'number';
    return { ...row, [column]: known ? (row.psnr as number) - plain : null };
  });
}

/** The height at `x` of the straight lines through the points; nothing outside them. */
export function interpolate(points: readonly (readonly [number, number])[], x: number): number | undefined {
  const sorted = [...points].sort(([a], [b]) => a - b);
  for (const [i, [right, high]] of sorted.entries()) {
    const [left, low] = sorted[Math.max(0, i - 1)]!;
    if (x < left || x > right) continue;
    return right === left ? high : low + ((high - low) * (x - left)) / (right - left);
  }
  return undefined;
}
