/** The files that an experiment leaves: a page, a chart, and its numbers as JSON and as CSV. */
import { join } from 'node:path';
import { writeFileAtomic } from '../weights/atomicFile.js';
import type { Cell, Report, Row, Section, Tables } from './experiment.js';

/** What the numbers were made with. */
export interface Provenance {
  readonly experiment: string;
  readonly command: string;
  readonly incache: string;
  readonly model: string;
  readonly settings: Readonly<Record<string, unknown>>;
}

const CHART = 'chart.svg';

/** Writes `README.md`, `chart.svg`, `results.json` and a CSV for each table into a folder that exists. */
export function writeFiles(
  folder: string,
  provenance: Provenance,
  tables: Tables,
  report: Report,
  svg: string,
): void {
  for (const [name, rows] of tables) writeFileAtomic(join(folder, `${name}.csv`), csv(rows));
  writeFileAtomic(join(folder, 'results.json'), json(provenance, tables));
  writeFileAtomic(join(folder, CHART), svg);
  writeFileAtomic(join(folder, 'README.md'), page(provenance, tables, report));
}

/** Six figures: more than any of it means, and the same in all files. */
export function rounded(row: Row): Row {
  return Object.fromEntries(
    Object.entries(row).map(([column, cell]) => [column, typeof cell === 'number' ? figure(cell) : cell]),
  );
}

/** JSON has no infinity, as of the PSNR of equal images. */
function figure(value: number): Cell {
  return Number.isFinite(value) ? Number(value.toPrecision(6)) : String(value);
}

/** Tables as columns and rows, a line a row, since files of names are mostly names. */
function json(provenance: Provenance, tables: Tables): string {
  const parts = [...tables].map(([name, rows]) => {
    const columns = columnsOf(rows);
    const lines = rows.map((row) => `   ${JSON.stringify(columns.map((column) => row[column] ?? null))}`);
    return `  ${JSON.stringify(name)}: {\n   "columns": ${JSON.stringify(columns)},\n   "rows": [\n${lines.join(',\n')}\n   ]\n  }`;
  });
  const head = JSON.stringify(provenance, null, 1).replace(/\n}$/, '');
  return `${head},\n "tables": {\n${parts.join(',\n')}\n }\n}\n`;
}

export function csv(rows: readonly Row[]): string {
  const columns = columnsOf(rows);
  const lines = rows.map((row) => columns.map((column) => quoted(row[column] ?? '')).join(','));
  return `${[columns.map(quoted).join(','), ...lines].join('\n')}\n`;
}

function quoted(cell: Cell): string {
  const text = String(cell);
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function columnsOf(rows: readonly Row[]): string[] {
  return [...new Set(rows.flatMap((row) => Object.keys(row)))];
}

function page(provenance: Provenance, tables: Tables, { title, introduction, sections }: Report): string {
  const settings = Object.entries(provenance.settings).map(([name, value]) => `${name} ${value}`);
  const files = ['results.json', ...[...tables.keys()].map((name) => `${name}.csv`)];
  return [
    `# ${title}`,
    `    ${provenance.command}`,
    `incache ${provenance.incache}; model ${provenance.model}; ${settings.join(', ')}. All numbers: ${files
      .map((file) => `[${file}](${file})`)
      .join(', ')}.`,
    introduction,
    `![${title}](${CHART})`,
    ...sections.map(sectionText),
    '',
  ].join('\n\n');
}

function sectionText({ title, text, header, rows }: Section): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const table = [line(header), line(header.map((_, i) => (i === 0 ? '---' : '--:'))), ...rows.map(line)];
  return [`## ${title}`, ...(text === undefined ? [] : [text]), table.join('\n')].join('\n\n');
}
