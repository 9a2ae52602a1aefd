/** A row of the CUDA benchmark, as `main.cpp`, `runs.ts` and `peer` print it, and the tables of them. */
import { type Columns, markdownTable } from '../table.js';

/** What was timed, whoever ran it. */
export interface CudaCase {
  /** A kernel, a block, a step of all blocks without the host, or a run of DDIM-50. */
  readonly level: 'kernel' | 'block' | 'step' | 'run';
  /** Kernel; `full`, `gather` (in full, caches written) or `scatter` (calibrated); or policy with its period, of which a step is the mean. */
  readonly name: string;
  /** Of kernels. */
  readonly shape: string;
  /** With guidance, twice the images. */
  readonly sequences: number;
  readonly tokens: number;
  /** 0 where nothing is calibrated. */
  readonly rank: number;
}

export interface CudaRow extends CudaCase {
  readonly contender: string;
  /** Median over `rounds`. */
  readonly milliseconds: number;
  readonly rounds: readonly number[];
  /** `floorOf` the case. */
  readonly floorMilliseconds?: number | undefined;
  /** Of matrix products; and each operand moved once. 0 where it was not counted. */
  readonly flops?: number | undefined;
  readonly bytes?: number | undefined;
}

/** The same of rows of one case. */
export function caseKey({ level, name, shape, sequences, tokens, rank }: CudaCase): string {
  return JSON.stringify([level, name, shape, sequences, tokens, rank]);
}

const TITLES = { kernel: 'Kernels', block: 'Blocks', step: 'Steps', run: 'DDIM-50' } as const;

/** A table for each level: a line a case, a column a contender, ours over each of them. */
export function cudaTables(rows: readonly CudaRow[]): string {
  return (['kernel', 'block', 'step', 'run'] as const)
    .map((level) =>
      levelTable(
        TITLES[level],
        rows.filter((row) => row.level === level),
      ),
    )
    .filter(Boolean)
    .join('\n\n');
}

function levelTable(title: string, rows: readonly CudaRow[]): string {
  if (rows.length === 0) return '';
  const cases = new Map<string, CudaRow[]>();
  for (const row of rows) cases.set(caseKey(row), [...(cases.get(caseKey(row)) ?? []), row]);
  const peers = [...new Set(rows.map(({ contender }) => contender))].filter((name) => name !== OURS);
  return `### ${title}\n\n${markdownTable(columnsFor(peers), [...cases.values()])}`;
}

const OURS = 'incache';

/** Of all contenders of a case. */
type Contest = readonly CudaRow[];

function columnsFor(peers: readonly string[]): Columns<Contest> {
  return [
    ['', ([first]) => [first!.name, first!.shape].filter(Boolean).join(' ')],
    ['sequences', ([first]) => first!.sequences],
    ['tokens', ([first]) => first!.tokens],
    ['rank', ([first]) => first!.rank || ''],
    ['floor ms', ([first]) => first!.floorMilliseconds?.toPrecision(3) ?? ''],
    ['ms', (contest) => of(contest, OURS)?.milliseconds.toPrecision(3) ?? ''],
    ['floor / ms', (contest) => floorShare(of(contest, OURS))],
    ...peers.map((peer) => [`${peer} ms (x)`, (contest: Contest) => beside(contest, peer)] as const),
  ];
}

function of(contest: Contest, contender: string): CudaRow | undefined {
  return contest.find((row) => row.contender === contender);
}

function floorShare(row: CudaRow | undefined): string {
  if (row?.floorMilliseconds === undefined) return '';
  return `${((100 * row.floorMilliseconds) / row.milliseconds).toFixed(0)} %`;
}

/** A peer's time, and how many times as fast we are. */
function beside(contest: Contest, peer: string): string {
  const [ours, other] = [of(contest, OURS), of(contest, peer)];
  if (!other) return '';
  const ratio = ours ? ` (${(other.milliseconds / ours.milliseconds).toFixed(2)})` : '';
  return `${other.milliseconds.toPrecision(3)}${ratio}`;
}
