/** A result as a section: where it comes from, a table, and the charts that go with it. */
import type { TopLevelSpec } from 'vega-lite';
import { type BlockRow, blockTable } from '../block/row.js';
import { type BrowserRow, browserTable } from '../browser/row.js';
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
import { type RecipeRow, recipesTable } from '../whole/recipes.js';
import { type MemoryRow, memoryTable } from '../whole/residentMemory.js';
import { type StartUpRow, startUpTable } from '../whole/startUp.js';
import { type TextEncoderRow, textEncoderTable } from '../whole/textEncoder.js';
import { type TuneRow, tuneTable } from '../whole/tune.js';
import { contendersChart, linearChart } from './bars.js';
import { excerptOf } from './excerpt.js';
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
  /** With all rows. */
  readonly body: string;
  /** With the rows that the page shows. */
  readonly excerpt: string;
  readonly charts: readonly Chart[];
}

export function sectionOf(result: NamedResult): Section {
  const { rows, note } = excerptOf(result.what, result.rows ?? []);
  return {
    title: TITLES[result.what] ?? result.what,
    source: sourceOf(result),
    body: bodyOf(result),
    excerpt: [bodyOf({ ...result, rows }), note].filter(Boolean).join('\n\n'),
    charts: chartsOf(result),
  };
}

/** Sections in the order of the page: whole runs first, then their parts. */
export function sectionsOf(results: readonly NamedResult[]): Section[] {
  const places = Object.keys(TITLES);
  const place = ({ what }: NamedResult) => (what in TITLES ? places.indexOf(what) : places.length);
  return [...results].sort((a, b) => place(a) - place(b)).map(sectionOf);
}

const TITLES: Readonly<Record<string, string>> = {
  demo: 'The demo',
  ddim50: 'A whole run of DDIM-50',
  picture: 'From nothing to a picture',
  trajectory: 'Trajectories of the embedded model',
  block: 'One block',
  textBlock: 'A block with text',
  browser: 'In a browser',
  decoder: 'Decoding a picture',
  decoderMemory: 'Memory of decoding',
  textEncoder: 'A prompt through T5-XXL',
  openCheckpoint: 'Opening a checkpoint',
  startUp: 'Start of a process',
  residentMemory: 'Resident memory',
  stability: 'Stability of memory',
  serve: 'Serving over HTTP',
  scaling: 'Scaling',
  kernels: 'Kernels on a processor',
  cuda: 'Kernels, blocks and runs on a GPU',
  gpu: 'A product through WebGPU',
  tune: 'Tuning',
  recipes: 'Recipes',
  factors: 'Making factors',
  int8Error: 'Error of int8 weights',
};

/** Installed for every benchmark; a section names the version of those that it measured. */
const PEERS = ['onnxruntime-web', 'onnxruntime-node', '@tensorflow/tfjs-backend-wasm', 'gpu.js'];

function sourceOf({ name, date, commit, machine, versions, rows = [] }: NamedResult): string {
  const { node, v8: _, incache: __, ...others } = versions;
  const [slowest, fastest] = machine.clocks;
  const measured = JSON.stringify(rows);
  const named = Object.entries(others).filter(
    ([name]) => !PEERS.includes(name) || measured.includes(name.split('/').at(-1)!),
  );
  const facts = [
    machine.chip === machine.name ? machine.name : `${machine.chip}, ${machine.cores} threads`,
    ...(fastest ? [slowest === fastest ? `${fastest} MHz seen` : `${slowest} to ${fastest} MHz seen`] : []),
    ...(machine.instructionSets.length ? [machine.instructionSets.join(' + ')] : []),
    `Node ${node}`,
    ...named.map(([name, version]) => `${name} ${version}`),
    date,
    ...(commit ? [`commit ${commit}`] : []),
  ];
  return `${facts.join(', ')} ([result](../bench/results/${name}))`;
}

/** Tables of rows, anew, so that all files have the present columns. */
const TABLES: Readonly<Record<string, (rows: readonly never[]) => string>> = {
  kernels: (rows: readonly KernelRow[]) => kernelTable(rows),
  block: (rows: readonly BlockRow[]) => blockTable(rows),
  browser: (rows: readonly BrowserRow[]) => browserTable(rows),
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
  tune: (rows: readonly TuneRow[]) => tuneTable(rows),
  recipes: (rows: readonly RecipeRow[]) => recipesTable(rows),
};

/** Targets, which texts that were stored before 2026-12 name. */
const TARGET = / (?:Asked for|Target): .*?\.(?=\s|$)/;

/** The text, and a table of the rows where they have one; older texts of such have theirs below the first line. */
export function bodyOf({ what, rows = [], text = '' }: Pick<NamedResult, 'what' | 'rows' | 'text'>): string {
  const table = TABLES[what];
  const told = text.replace(TARGET, '');
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
