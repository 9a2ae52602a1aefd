/** The report as one page that needs nothing else: no script, no font, no picture from elsewhere. */
import { loadSvgRenderer, type SvgRenderer } from '../../src/experiment/chart/renderSvg.js';
import type { Section } from './sections.js';

const STYLE = `
:root { color-scheme: light dark; --line: #ddd; --faint: #666; --link: #1f6f8b; }
@media (prefers-color-scheme: dark) { :root { --line: #444; --faint: #aaa; --link: #86c0bd; } }
body { font: 16px/1.55 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
a { color: var(--link); }
.wide, figure { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid var(--line); padding: 3px 8px; text-align: left; white-space: nowrap; }
.source, figcaption { color: var(--faint); font-size: 13px; }
nav { columns: 14rem; font-size: 14px; }
nav a { display: block; }
summary { cursor: pointer; color: var(--link); }
/* On a narrow page a chart is scrolled rather than made unreadably small; its ground is white. */
svg { max-width: 100%; min-width: 36rem; height: auto; border-radius: 6px; }
`;

/** `introduction`: markdown that starts with the title of the page. */
export async function reportHtml(introduction: string, sections: readonly Section[]): Promise<string> {
  const renderSvg = await loadSvgRenderer();
  const parts = await Promise.all(sections.map((section) => sectionHtml(section, renderSvg)));
  const title = /^# (.*)$/m.exec(introduction)?.[1] ?? 'Report';
  return [
    '<!doctype html>',
    '<html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${escapeHtml(title)}</title><style>${STYLE}</style></head><body>`,
    markdownHtml(introduction),
    `<nav>${sections.map(({ title }) => `<a href="#${anchor(title)}">${escapeHtml(title)}</a>`).join('\n')}</nav>`,
    ...parts,
    '</body></html>\n',
  ].join('\n');
}

async function sectionHtml(
  { title, source, body, charts }: Section,
  renderSvg: SvgRenderer,
): Promise<string> {
  const figures = await Promise.all(
    charts.map(
      async ({ title, spec }) =>
        `<figure>${await renderSvg(spec)}<figcaption>${escapeHtml(title)}</figcaption></figure>`,
    ),
  );
  return [
    `<h2 id="${anchor(title)}">${escapeHtml(title)}</h2>`,
    `<p class="source">${inline(source)}</p>`,
    ...figures,
    tableRows(body) > MOST_ROWS
      ? `<details><summary>All ${tableRows(body)} rows</summary>${markdownHtml(body)}</details>`
      : markdownHtml(body),
  ].join('\n');
}

/** A longer table is closed at first. */
const MOST_ROWS = 40;

function tableRows(markdown: string): number {
  return markdown.split('\n').filter((line) => line.startsWith('|')).length;
}

function anchor(title: string): string {
  return title.toLowerCase().replace(/[^a-z0-9]+/g, '-');
}

/** Of what our own texts have in them: headings, tables, lists, paragraphs, links, strong text and code. */
export function markdownHtml(markdown: string): string {
  return withInlineLinks(markdown)
    .split(/\n{2,}/)
    .map((block) => block.trim())
    .filter(Boolean)
    .map(blockHtml)
    .join('\n');
}

/** Reference links become inline ones, and their definitions go. */
function withInlineLinks(markdown: string): string {
  const targets = new Map<string, string>();
  return markdown
    .replace(/^\[([\w-]+)\]: (\S+)$/gm, (_, mark: string, target: string) => {
      targets.set(mark, target);
      return '';
    })
    .replace(
      /\[([^\]]+)\]\[([\w-]+)\]/g,
      (_, text: string, mark: string) => `[${text}](${targets.get(mark)})`,
    );
}

function blockHtml(block: string): string {
  const [, marks, heading] = /^(#{1,3}) (.*)$/.exec(block) ?? [];
  if (marks) return `<h${marks.length}>${inline(heading!)}</h${marks.length}>`;
  if (block.startsWith('- ')) return listHtml(block.slice(2).split('\n- '));
  return block.startsWith('|') ? tableHtml(block.split('\n')) : `<p>${inline(block)}</p>`;
}

function listHtml(items: readonly string[]): string {
  return `<ul>${items.map((item) => `<li>${inline(item)}</li>`).join('\n')}</ul>`;
}

function tableHtml([header, , ...rows]: readonly string[]): string {
  const cells = (line: string) =>
    line
      .replace(/^\|\s?|\s?\|$/g, '')
      .split('|')
      .map((cell) => inline(cell.trim()));
  const head = cells(header!).map((cell) => `<th>${cell}</th>`);
  const body = rows.map(
    (row) =>
      `<tr>${cells(row)
        .map((cell) => `<td>${cell}</td>`)
        .join('')}</tr>`,
  );
  return `<div class="wide"><table><tr>${head.join('')}</tr>\n${body.join('\n')}</table></div>`;
}

function inline(text: string): string {
  return escapeHtml(text)
    .replace(/`([^`]+)`/g, '<code>$1</code>')
    .replace(/\*\*([^*]+)\*\*/g, '<strong>$1</strong>')
    .replace(/\[([^\]]+)\]\(([^)\s]+)\)/g, '<a href="$2">$1</a>');
}

function escapeHtml(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;');
}
