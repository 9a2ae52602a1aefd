import type { Section } from './sections.js';

/** Where charts lie, from docs/performance.md. */
export const CHARTS = 'images/performance';
const COLUMNS = 120;

/** The report as `docs/performance.md`. */
export function reportMarkdown(introduction: string, sections: readonly Section[]): string {
  const parts = sections.map(({ title, source, excerpt, charts }) =>
    [`## ${title}`, wrapped(source), ...charts.map(image), `${wrapped(excerpt)}\n`].join('\n\n'),
  );
  return [introduction, ...parts].join('\n');
}

function image({ name, title }: Section['charts'][number]): string {
  return `![${title}](${CHARTS}/${name}.svg)`;
}

/** Paragraphs in lines of at most `COLUMNS`; tables, whose rows are lines, as they are. */
function wrapped(markdown: string): string {
  const line = new RegExp(`(.{1,${COLUMNS}})(?:\\s+|$)`, 'g');
  return markdown
    .split('\n\n')
    .map((block) => (block.startsWith('|') ? block : block.replace(line, '$1\n').trimEnd()))
    .join('\n\n');
}
