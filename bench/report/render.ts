/** Charts as SVG, without a browser. */
import { Error as ERRORS, logger, parse, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';

/** Colours that differ in lightness too, and no fonts to fetch. */
const CONFIG = {
  background: 'transparent',
  font: 'system-ui, sans-serif',
  axis: { gridColor: '#ddd', domainColor: '#888', tickColor: '#888', labelLimit: 320 },
  view: { stroke: null },
} as const;

export async function renderSvg(spec: TopLevelSpec): Promise<string> {
  // It warns that facets may not share data; ours do.
  const { spec: compiled } = compile({ ...spec, config: CONFIG }, { logger: logger(ERRORS) });
  const view = new View(parse(compiled), { renderer: 'none' });
  const svg = await view.toSVG();
  view.finalize();
  return svg;
}
