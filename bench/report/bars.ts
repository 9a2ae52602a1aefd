/** Bars of contenders side by side, ours in one colour, peers in another. */
import type { TopLevelSpec } from 'vega-lite';
import type { BlockRow } from '../block/row.js';
import type { KernelRow } from '../kernels/row.js';
import { OUR_BARS, PEERS } from './colours.js';

interface Bar {
  readonly group: string;
  readonly contender: string;
  readonly milliseconds: number;
  readonly p10: number;
  readonly p90: number;
  readonly who: 'incache' | 'peer';
}

/** Times of all contenders, by threads; calibrated ones beside full ones, which no peer has. */
export function contendersChart(
  rows: readonly Pick<BlockRow, 'contender' | 'threads' | 'times'>[],
): TopLevelSpec | undefined {
  return chart(
    rows.map(({ contender, threads, times }) =>
      bar(
        threads === 1 ? '1 thread' : `${threads} threads`,
        contender,
        times,
        contender.startsWith('incache'),
      ),
    ),
  );
}

/** The linears for which there is a rival. */
export function linearChart(rows: readonly KernelRow[]): TopLevelSpec | undefined {
  const linears = rows.filter(({ kernel, threads }) => kernel === 'linear' && threads === 1);
  return chart(
    linears.map(({ shape, contender, times }) =>
      bar(shape, contender, times, !contender.startsWith('onnxruntime')),
    ),
  );
}

function bar(group: string, contender: string, times: BlockRow['times'], ours: boolean): Bar {
  const { median, p10, p90 } = times;
  return { group, contender, milliseconds: median, p10, p90, who: ours ? 'incache' : 'peer' };
}

function chart(bars: readonly Bar[]): TopLevelSpec | undefined {
  if (bars.length === 0) return undefined;
  const title = 'ms: median, and a line from p10 to p90; peers are grey';
  const y = { field: 'contender', type: 'nominal', title: null, sort: null } as const;
  return {
    data: { values: [...bars] },
    facet: { row: { field: 'group', type: 'nominal', title: null, sort: null } },
    resolve: { scale: { x: 'independent', y: 'independent' } },
    spec: {
      width: 480,
      height: { step: 18 },
      layer: [
        {
          mark: 'bar',
          encoding: {
            y,
            x: { field: 'milliseconds', type: 'quantitative', title },
            color: {
              field: 'who',
              type: 'nominal',
              title: null,
              scale: { domain: ['incache', 'peer'], range: [OUR_BARS, PEERS] },
              legend: null,
            },
          },
        },
        {
          mark: { type: 'rule', strokeWidth: 2 },
          encoding: { y, x: { field: 'p10', type: 'quantitative', title }, x2: { field: 'p90' } },
        },
        {
          mark: { type: 'text', align: 'left', dx: 5 },
          encoding: {
            y,
            x: { field: 'p90', type: 'quantitative', title },
            text: { field: 'milliseconds', type: 'quantitative', format: '.3~r' },
          },
        },
      ],
    },
  };
}
