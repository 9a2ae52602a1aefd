/** Charts as SVG, without a browser, by Vega-Lite, which is the user's to install. */
import type { TopLevelSpec } from 'vega-lite';
import { IncacheError } from '../../errors.js';
import type { ChartSpec } from '../experiment.js';

/** An opaque ground, for pages whose own is dark, and no fonts to fetch. */
const CONFIG = {
  background: 'white',
  font: 'system-ui, sans-serif',
  axis: { gridColor: '#ddd', domainColor: '#888', tickColor: '#888', labelLimit: 320 },
  legend: { labelLimit: 320 },
  view: { stroke: null },
} as const;

export type SvgRenderer = (spec: ChartSpec) => Promise<string>;

/** Throws an `IncacheError` that says how to install what is missing. */
export async function loadSvgRenderer(
  load: (name: string) => Promise<unknown> = (name) => import(name),
): Promise<SvgRenderer> {
  const { vega, vegaLite } = await loadVega(load);
  return async (spec) => {
    // It warns that facets may not share data; ours do.
    const { spec: compiled } = vegaLite.compile(withDefaults(spec as TopLevelSpec), {
      logger: vega.logger(vega.Error),
    });
    const view = new vega.View(vega.parse(compiled), { renderer: 'none' });
    const svg = await view.toSVG();
    view.finalize();
    return svg;
  };
}

function withDefaults(spec: TopLevelSpec): TopLevelSpec {
  return { ...spec, config: { ...CONFIG, ...spec.config } };
}

async function loadVega(load: (name: string) => Promise<unknown>) {
  try {
    return {
      vega: (await load('vega')) as typeof import('vega'),
      vegaLite: (await load('vega-lite')) as typeof import('vega-lite'),
    };
  } catch (error) {
    const reason = (error as Error).message.split('\n')[0];
    throw new IncacheError(
      `charts need vega and vega-lite, which are not installed or do not load (${reason}); run: npm install vega vega-lite`,
      { cause: error },
    );
  }
}
