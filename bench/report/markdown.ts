import type { Section } from './sections.js';

/** Where charts lie, from docs/performance.md. */
export const CHARTS = 'images/performance';

/** The report as `docs/performance.md`. */
export function reportMarkdown(introduction: string, sections: readonly Section[]): string {
  const parts = sections.map(({ title, source, body, charts }) =>
    [`## ${title}`, source, ...charts.map(image), `${body}\n`].join('\n\n'),
  );
  return [introduction, ...parts].join('\n');
}

function image({ name, title }: Section['charts'][number]): string {
  return `![${title}](${CHARTS}/${name}.svg)`;
}
