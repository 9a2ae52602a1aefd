/** A result as a section: where it comes from, a table, and the charts that go with it. */
import type { TopLevelSpec } from 'vega-lite';
import { type BlockRow, blockTable } from '../block/row.js';
import { answer, type RunRow, runTable } from '../ddim50/row.js';
import { type KernelRow, kernelTable } from '../kernels/row.js';
import { type Sweep, sweepTable } from '../scaling/sweep.js';
import { contendersChart, linearChart } from './bars.js';
import type { NamedResult } from './files.js';
import { rooflineChart } from './roofline.js';
import { scalingChart } from './scalingChart.js';

export interface Chart {
  readonly title: string;
  readonly spec: TopLevelSpec;
}

export interface Section {
  readonly title: string;
  /** Markdown. */
  readonly source: string;
  readonly body: string;
  readonly charts: readonly Chart[];
}

export function sectionOf(result: NamedResult): Section {
  return { title: result.what, source: sourceOf(result), body: bodyOf(result), charts: chartsOf(result) };
}

function sourceOf({ name, date, commit, machine, versions }: NamedResult): string {
  const { node, v8: _, incache: __, ...peers } = versions;
  const [slowest, fastest] = machine.clocks;
  const facts = [
    machine.chip === machine.name ? machine.name : `${machine.chip}, ${machine.cores} threads`,
    ...(fastest ? [slowest === fastest ? `${fastest} MHz seen` : `${slowest} to ${fastest} MHz seen`] : []),
    ...(machine.instructionSets.length ? [machine.instructionSets.join(' + ')] : []),
    `Node ${node}`,
    ...Object.entries(peers).map(([peer, version]) => `${peer} ${version}`),
    date,
    ...(commit ? [`commit ${commit}`] : []),
  ];
  return `${facts.join(', ')} (\`bench/results/${name}\`)`;
}

/** The text and the tables of figures. */
export function bodyOf({ what, rows = [], text = '' }: Pick<NamedResult, 'what' | 'rows' | 'text'>): string {
  if (what === 'kernels') return kernelTable(rows as KernelRow[]);
  if (what === 'block') return blockBody(rows as BlockRow[], text);
  if (what === 'scaling') return [text, sweepTable(rows as Sweep[])].filter(Boolean).join('\n\n');
  if (what === 'ddim50') return runBody(rows as RunRow[], text);
  return text;
}

function runBody(rows: readonly RunRow[], text: string): string {
  return [text, answer(rows), runTable(rows)].filter(Boolean).join('\n\n');
}

/** The table anew, so that all have its present columns, under the first line of the stored text. */
function blockBody(rows: readonly BlockRow[], text: string): string {
  return `${text.split('\n', 1)[0]}\n\n${blockTable(rows)}`;
}

function chartsOf({ what, rows = [] }: NamedResult): Chart[] {
  const charts: [string, TopLevelSpec | undefined][] = [];
  if (what === 'kernels')
    charts.push(
      [
        'Roofline: one thread, under the multiply-add loop and the copies',
        rooflineChart(rows as KernelRow[]),
      ],
      ['Linears beside onnxruntime, one thread', linearChart(rows as KernelRow[])],
    );
  if (what === 'block') charts.push(['A block beside its peers', contendersChart(rows as BlockRow[])]);
  if (what === 'ddim50')
    charts.push(['Whole runs beside peers without a cache', contendersChart(rows as RunRow[])]);
  if (what === 'scaling') charts.push(['Scaling, with the fitted lines', scalingChart(rows as Sweep[])]);
  return charts.flatMap(([title, spec]) => (spec ? [{ title, spec }] : []));
}
