/** The roofline of a kernels result: rate over arithmetic intensity, under what the loop and the copies allow. */
import type { TopLevelSpec } from 'vega-lite';
import { gflops, type KernelRow } from '../kernels/row.js';
import { OURS } from './colours.js';

/** A kernel of ours on one thread, in the chart. */
interface Point {
  readonly build: string;
  readonly kernel: string;
  readonly shape: string;
  /** FLOP a byte, when every operand moves once. */
  readonly intensity: number;
  readonly gflops: number;
}

/** A roof's two straight lines, by where they start, meet and end. */
interface RoofPoint {
  readonly roof: string;
  readonly loop: string;
  readonly intensity: number;
  readonly gflops: number;
}

export function rooflinePoints(rows: readonly KernelRow[]): Point[] {
  return rows
    .filter(({ threads, flops, bytes, contender }) => threads === 1 && flops && bytes && !isRival(contender))
    .map((row) => ({
      build: row.contender.replace(', 1 thread', ''),
      kernel: row.kernel,
      shape: row.shape,
      intensity: row.flops / row.bytes,
      gflops: gflops(row),
    }));
}

/** Under each loop the two slopes of the copies, in memory and in a cache; medians over the rows of a run. */
export function roofs(rows: readonly KernelRow[], from: number, to: number): RoofPoint[] {
  const loops = new Map<string, number>();
  for (const { loop, loopGflops } of rows)
    if (loop && loopGflops) loops.set(loop, Math.max(loopGflops, loops.get(loop) ?? 0));
  const copies = [
    ['memory', best(rows.map(({ copyGigabytes }) => copyGigabytes))],
    ['cache', best(rows.map(({ cacheGigabytes }) => cacheGigabytes))],
  ] as const;
  return [...loops].flatMap(([loop, peak]) =>
    copies.flatMap(([place, rate]) => {
      if (rate === undefined) return [];
      const ridge = Math.min(to, Math.max(from, peak / rate));
      return [from, ridge, to].map((intensity) => ({
        roof: `${loop}, ${place}`,
        loop: `${loop.replace('multiply-add loop, ', '')} loop`,
        intensity,
        gflops: Math.min(peak, intensity * rate),
      }));
    }),
  );
}

/** Undefined where there is nothing to draw, as of files that did not count bytes. */
export function rooflineChart(rows: readonly KernelRow[]): TopLevelSpec | undefined {
  const points = rooflinePoints(rows);
  if (points.length === 0) return undefined;
  const intensities = points.map(({ intensity }) => intensity);
  const [from, to] = [Math.min(1, ...intensities) / 2, 2 * Math.max(...intensities)];
  const drawn = roofs(rows, from, to);
  const scale = { type: 'log' as const, domain: [from, to] };
  const x = { field: 'intensity', type: 'quantitative' as const, scale, title: 'FLOP / byte' };
  const y = {
    field: 'gflops',
    type: 'quantitative',
    scale: { type: 'log' },
    title: 'GFLOP/s, one thread',
  } as const;
  return {
    width: 640,
    height: 400,
    layer: [
      {
        data: { values: drawn },
        mark: { type: 'line', strokeWidth: 1, color: '#888' },
        encoding: { x, y, detail: { field: 'roof' } },
      },
      {
        data: { values: drawn.filter(({ intensity, roof }) => intensity === to && roof.endsWith('memory')) },
        mark: { type: 'text', align: 'right', baseline: 'bottom', dy: -2, color: '#555' },
        encoding: { x, y, text: { field: 'loop' } },
      },
      {
        data: { values: points },
        mark: { type: 'point', filled: true, size: 50, opacity: 0.8 },
        encoding: {
          x,
          y,
          color: { field: 'build', type: 'nominal', title: 'build', scale: { range: OURS } },
          shape: { field: 'kernel', type: 'nominal', title: 'kernel' },
        },
      },
    ],
  };
}

export function isRival(contender: string): boolean {
  return contender.startsWith('onnxruntime');
}

function best(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length ? Math.max(...known) : undefined;
}
