/** One number over another, a line a family: the chart that most experiments need. */
import type { TopLevelSpec } from 'vega-lite';
import type { Cell } from '../experiment.js';

export interface Point {
  readonly family: string;
  readonly x: number;
  readonly y: number;
  /** Half the length of an error bar. */
  readonly deviation?: number;
  /** Beside the point: what tells it from the others of its family, as in `p=2`. */
  readonly label?: string;
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

/** Vega's `tableau10`: no two of its colours are shades of one. */
const COLOURS = [
  ...['#4c78a8', '#f58518', '#e45756', '#72b7b2', '#54a24b'],
  ...['#eeca3b', '#b279a2', '#ff9da6', '#9d755d', '#bab0ac'],
];

/** Where families are more than colours, the next ten have another shape and another line. */
const SHAPES = ['circle', 'square', 'triangle-up', 'diamond', 'cross'];
const DASHES = [[1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [4, 6]]; // biome-ignore format: pairs stay on a line

/**
 * Panels side by side, in which a family has the same colour, shape and line. Panels without points are left out. Lines
 * join points of different x only: where a family has several at one, its line goes through the first.
 */
export function scatter(panels: readonly Panel[]): TopLevelSpec {
  const families = [...new Set(panels.flatMap(({ points }) => points.map(({ family }) => family)))];
  const scaleOf = <T>(choose: (place: number) => T) => ({
    domain: families,
    range: families.map((_, i) => choose(i)),
  });
  const tens = (place: number) => Math.floor(place / COLOURS.length);
  const looks: Looks = {
    color: scaleOf((i) => COLOURS[i % COLOURS.length]!),
    shape: scaleOf((i) => SHAPES[tens(i) % SHAPES.length]!),
    strokeDash: scaleOf((i) => DASHES[tens(i) % DASHES.length]!),
  };
  return {
    hconcat: panels.filter(({ points }) => points.length > 0).map((panel) => panelSpec(panel, looks)),
  };
}

/** How families look: a scale for each channel. */
interface Looks {
  readonly color: Scale<string>;
  readonly shape: Scale<string>;
  readonly strokeDash: Scale<number[]>;
}

interface Scale<T> {
  domain: string[];
  range: T[];
}

function panelSpec({ x, y, points, linesOnly, log2X, logY }: Panel, looks: Looks): PanelSpec {
  const axis = (title: string, base: number | undefined) =>
    ({
      type: 'quantitative',
      title,
      scale: base ? ({ type: 'log', base } as const) : { zero: false },
    }) as const;
  const encoding = {
    x: { field: 'x', ...axis(x, log2X ? 2 : undefined) },
    color: byFamily(looks.color),
  } as const;
  const values: Record<string, Cell>[] = points.map(({ deviation = 0, ...point }) => ({
    ...point,
    low: point.y - deviation,
    high: point.y + deviation,
    onLine: Number(isFirstAtItsX(points, point)),
  }));
  const height = { field: 'y', ...axis(y, logY ? 10 : undefined) };
  const marks: LayerSpec[] = [
    {
      mark: { type: 'point', filled: true, size: 36 },
      encoding: { ...encoding, y: height, shape: byFamily(looks.shape) },
    },
    {
      transform: [{ filter: 'isValid(datum.label)' }],
      mark: { type: 'text', align: 'left', dx: 5, dy: -5, fontSize: 8 },
      encoding: { ...encoding, y: height, text: { field: 'label' } },
    },
    { mark: 'rule', encoding: { ...encoding, y: { ...height, field: 'low' }, y2: { field: 'high' } } },
  ];
  return {
    width: WIDTH,
    height: HEIGHT,
    data: { values },
    layer: [
      {
        transform: [{ filter: 'datum.onLine' }],
        mark: { type: 'line', strokeWidth: 1.5 },
        encoding: { ...encoding, y: height, strokeDash: byFamily(looks.strokeDash) },
      },
      ...(linesOnly ? [] : marks),
    ],
  };
}

function byFamily<T>(scale: Scale<T>) {
  return { field: 'family', type: 'nominal', title: null, sort: null, scale } as const;
}

function isFirstAtItsX(points: readonly Point[], point: Pick<Point, 'family' | 'x' | 'y'>): boolean {
  const first = points.find(({ family, x }) => family === point.family && x === point.x);
  return first?.y === point.y;
}
