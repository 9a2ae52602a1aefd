import type { Section } from './sections.js';

/** The report as `docs/performance.md`. */
export function reportMarkdown(introduction: string, sections: readonly Section[]): string {
  const parts = sections.map(({ title, source, body }) => `## ${title}\n\n${source}\n\n${body}\n`);
  return [introduction, ...parts].join('\n');
}
