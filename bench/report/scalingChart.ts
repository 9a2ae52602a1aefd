/** Times over what was scaled, on logarithmic axes, with the line of the fitted exponent. */
import type { TopLevelSpec } from 'vega-lite';
import { fitPower } from '../scaling/fit.js';
import type { Sweep } from '../scaling/sweep.js';
import { OURS } from './colours.js';

export function scalingChart(sweeps: readonly Sweep[]): TopLevelSpec | undefined {
  if (sweeps.length === 0) return undefined;
  const points = sweeps.flatMap(({ sweep, contender, points }) => {
    const { at } = fitPower(points.map(({ x, times }) => [x, times.median]));
    return points.map(({ x, times }) => ({
      sweep,
      contender,
      x,
      milliseconds: times.median,
      p10: times.p10,
      p90: times.p90,
      fitted: at(x),
    }));
  });
  const x = { field: 'x', type: 'quantitative', scale: { type: 'log' }, title: null } as const;
  const scale = { type: 'log' } as const;
  const color = { field: 'contender', type: 'nominal', title: null, scale: { range: OURS } } as const;
  return {
    data: { values: points },
    facet: { field: 'sweep', type: 'nominal', title: null },
    columns: 3,
    resolve: { scale: { x: 'independent', y: 'independent' } },
    spec: {
      width: 200,
      height: 180,
      layer: [
        {
          mark: { type: 'point', filled: true, size: 50 },
          encoding: {
            x,
            y: { field: 'milliseconds', type: 'quantitative', scale, title: 'ms' },
            color,
          },
        },
        {
          mark: 'rule',
          encoding: {
            x,
            y: { field: 'p10', type: 'quantitative', scale, title: 'ms' },
            y2: { field: 'p90' },
            color,
          },
        },
        {
          mark: { type: 'line', strokeDash: [4, 3] },
          encoding: { x, y: { field: 'fitted', type: 'quantitative', scale, title: 'ms' }, color },
        },
      ],
    },
  };
}
