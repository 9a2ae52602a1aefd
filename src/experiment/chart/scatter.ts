/** One number over another, a line a family: the chart that most experiments need. */
import type { TopLevelSpec } from 'vega-lite';
import type { Cell } from '../experiment.js';

export interface Point {
  readonly family: string;
  readonly x: number;
  readonly y: number;
  /** Half the length of an error bar. */
  readonly deviation?: number;
}

export interface Panel {
  readonly x: string;
  readonly y: string;
  readonly points: readonly Point[];
  /** Lines alone, for curves of many points. Default: every point has a mark. */
  readonly linesOnly?: boolean;
  /** Doublings are as far apart as each other. */
  readonly log2X?: boolean;
  readonly logY?: boolean;
}

const WIDTH = 380;
const HEIGHT = 320;

type PanelSpec = Extract<TopLevelSpec, { hconcat: unknown }>['hconcat'][number];
type LayerSpec = Extract<PanelSpec, { layer: unknown }>['layer'][number];

/** Colours of the usual scheme, beyond which they would repeat. */
const FEW_FAMILIES = 10;

/** Panels side by side, in which a family has the same colour. Panels without points are left out. */
export function scatter(panels: readonly Panel[]): TopLevelSpec {
  const families = new Set(panels.flatMap(({ points }) => points.map(({ family }) => family)));
  const scheme = families.size > FEW_FAMILIES ? 'tableau20' : 'tableau10';
  return {
    hconcat: panels.filter(({ points }) => points.length > 0).map(panelSpec),
    config: { range: { category: { scheme } } },
  };
}

function panelSpec({ x, y, points, linesOnly, log2X, logY }: Panel): PanelSpec {
  const axis = (title: string, base: number | undefined) =>
    ({
      type: 'quantitative',
      title,
      scale: base ? ({ type: 'log', base } as const) : { zero: false },
    }) as const;
  const encoding = {
    x: { field: 'x', ...axis(x, log2X ? 2 : undefined) },
    color: { field: 'family', type: 'nominal', title: null, sort: null },
  } as const;
  const values: Record<string, Cell>[] = points.map(({ deviation = 0, ...point }) => ({
    ...point,
    low: point.y - deviation,
    high: point.y + deviation,
  }));
  const height = { field: 'y', ...axis(y, logY ? 10 : undefined) };
  const marks: LayerSpec[] = [
    { mark: { type: 'point', filled: true, size: 36 }, encoding: { ...encoding, y: height } },
    { mark: 'rule', encoding: { ...encoding, y: { ...height, field: 'low' }, y2: { field: 'high' } } },
  ];
  return {
    width: WIDTH,
    height: HEIGHT,
    data: { values },
    layer: [
      { mark: { type: 'line', strokeWidth: 1.5 }, encoding: { ...encoding, y: height } },
      ...(linesOnly ? [] : marks),
    ],
  };
}
