/** A result as a section: where it comes from, a table, and the charts that go with it. */
import type { TopLevelSpec } from 'vega-lite';
import { type BlockRow, blockTable } from '../block/row.js';
import { type CudaRow, cudaTables } from '../cuda/row.js';
import { answer, type RunRow, runTable } from '../ddim50/row.js';
import { type DecoderRow, decoderTable } from '../decoder/row.js';
import { type GpuRow, gpuTable } from '../gpu/row.js';
import { type KernelRow, kernelTable } from '../kernels/row.js';
import { type Sweep, sweepTable } from '../scaling/sweep.js';
import { type TextBlockRow, textBlockTable } from '../textBlock/row.js';
import { type DecoderMemoryRow, decoderMemoryTable } from '../whole/decoderMemory.js';
import { type OpenRow, openTable } from '../whole/openCheckpoint.js';
import { type PictureRow, pictureTable } from '../whole/picture.js';
import { type MemoryRow, memoryTable } from '../whole/residentMemory.js';
import { type StartUpRow, startUpTable } from '../whole/startUp.js';
import { type TextEncoderRow, textEncoderTable } from '../whole/textEncoder.js';
import { contendersChart, linearChart } from './bars.js';
import type { NamedResult } from './files.js';
import { rooflineChart } from './roofline.js';
import { scalingChart } from './scalingChart.js';

export interface Chart {
  /** Of its file in docs/images/performance. */
  readonly name: string;
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
  return {
    title: TITLES[result.what] ?? result.what,
    source: sourceOf(result),
    body: bodyOf(result),
    charts: chartsOf(result),
  };
}

const TITLES: Readonly<Record<string, string>> = {
  block: 'One block',
  browser: 'In a browser',
  cuda: 'Kernels, blocks and runs on a GPU',
  ddim50: 'A whole run of DDIM-50',
  decoder: 'Decoding a picture',
  decoderMemory: 'Memory of decoding',
  demo: 'The demo',
  factors: 'Making factors',
  gpu: 'A product through WebGPU',
  int8Error: 'Error of int8 weights',
  kernels: 'Kernels on a processor',
  openCheckpoint: 'Opening a checkpoint',
  picture: 'From nothing to a picture',
  residentMemory: 'Resident memory',
  scaling: 'Scaling',
  serve: 'Serving over HTTP',
  stability: 'Stability of memory',
  startUp: 'Start of a process',
  textBlock: 'A block with text',
  textEncoder: 'A prompt through T5-XXL',
  trajectory: 'Trajectories of the embedded model',
};

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

/** Tables of rows, anew, so that all files have the present columns. */
const TABLES: Readonly<Record<string, (rows: readonly never[]) => string>> = {
  kernels: (rows: readonly KernelRow[]) => kernelTable(rows),
  block: (rows: readonly BlockRow[]) => blockTable(rows),
  cuda: (rows: readonly CudaRow[]) => cudaTables(rows),
  ddim50: (rows: readonly RunRow[]) => [answer(rows), runTable(rows)].filter(Boolean).join('\n\n'),
  decoder: (rows: readonly DecoderRow[]) => decoderTable(rows),
  decoderMemory: (rows: readonly DecoderMemoryRow[]) => decoderMemoryTable(rows),
  gpu: (rows: readonly GpuRow[]) => gpuTable(rows),
  picture: (rows: readonly PictureRow[]) => pictureTable(rows),
  scaling: (rows: readonly Sweep[]) => sweepTable(rows),
  startUp: (rows: readonly StartUpRow[]) => startUpTable(rows),
  residentMemory: (rows: readonly MemoryRow[]) => memoryTable(rows),
  openCheckpoint: (rows: readonly OpenRow[]) => openTable(rows),
  textBlock: (rows: readonly TextBlockRow[]) => textBlockTable(rows),
  textEncoder: (rows: readonly TextEncoderRow[]) => textEncoderTable(rows),
};

/** The text, and a table of the rows where they have one; older texts of such have theirs below the first line. */
export function bodyOf({ what, rows = [], text = '' }: Pick<NamedResult, 'what' | 'rows' | 'text'>): string {
  const table = TABLES[what];
  // As stored texts of before 2026-12 have it.
  const told = text.replace('Asked for:', 'Target:');
  if (!table) return told;
  const introduction = told.split('\n\n', 1)[0];
  return [introduction, table(rows as never[])].filter(Boolean).join('\n\n');
}

function chartsOf({ what, rows = [] }: NamedResult): Chart[] {
  const charts: [string, string, TopLevelSpec | undefined][] = [];
  if (what === 'kernels')
    charts.push(
      [
        'roofline',
        'Roofline: one thread, under the multiply-add loop and the copies',
        rooflineChart(rows as KernelRow[]),
      ],
      ['linears', 'Linears beside onnxruntime, one thread', linearChart(rows as KernelRow[])],
    );
  if (what === 'block')
    charts.push(['block', 'A block beside its peers', contendersChart(rows as BlockRow[])]);
  if (what === 'ddim50')
    charts.push(['ddim50', 'Whole runs beside peers without a cache', contendersChart(rows as RunRow[])]);
  if (what === 'scaling')
    charts.push(['scaling', 'Scaling, with the fitted lines', scalingChart(rows as Sweep[])]);
  return charts.flatMap(([name, title, spec]) => (spec ? [{ name, title, spec }] : []));
}
