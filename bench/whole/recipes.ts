/** What tuning finds on the model of emoji at several budgets of time, beside the best of the other candidates. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readPrompts } from '../../src/cli/promptsFile.js';
import { type Trial, tune } from '../../src/evaluate/index.js';
import { backends, Pipeline } from '../../src/index.js';
import { requireModelFolder } from '../../src/modelPackages.js';
import { type Columns, markdownTable } from '../table.js';

export interface RecipeRow {
  readonly backend: string;
  /** The most time, over that of a run without a cache. */
  readonly budget: number;
  readonly chosen: Trial;
  readonly onFront: boolean;
  /** The best of the others that the budget allows. */
  readonly second?: Trial;
}

const BUDGETS = [0.4, 0.5, 0.6, 0.75];
const [STEPS, GUIDANCE_SCALE] = [20, 3.5];
const SECONDS = { native: 75, wasm: 75 } as const;

/** Later budgets go on with what was measured for the first. */
export async function recipes(seconds: Readonly<Record<string, number>> = SECONDS) {
  const rows: RecipeRow[] = [];
  for (const { name, available } of backends())
    if (available && name in seconds) rows.push(...(await rowsOf(name, seconds[name]!)));
  const text = `Recipes for emoji from words, ${STEPS} steps, guidance ${GUIDANCE_SCALE}, on two threads: what tuning chose at each budget of time, and the best of the other candidates within it.`;
  return { text, rows };
}

async function rowsOf(backend: string, seconds: number): Promise<RecipeRow[]> {
  const model = requireModelFolder('emoji');
  const prompts = readPrompts(join(model, 'prompts.txt'));
  const folder = mkdtempSync(join(tmpdir(), 'incache-bench-'));
  try {
    await using pipeline = await Pipeline.load(model, { backend, threads: 2 });
    const rows: RecipeRow[] = [];
    for (const most of BUDGETS) {
      const { chosen, trials } = await tune(pipeline, {
        budget: { kind: 'time', most },
        nearest: true,
        prompts,
        steps: STEPS,
        guidanceScale: GUIDANCE_SCALE,
        seconds,
        folder,
      });
      const others = trials.filter(({ name, time }) => name !== chosen.name && time <= most);
      const [second] = others.sort((a, b) => b.psnr - a.psnr);
      const { onFront } = trials.find(({ name }) => name === chosen.name)!;
      rows.push({ backend, budget: most, chosen, onFront, ...(second && { second }) });
    }
    return rows;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const COLUMNS: Columns<RecipeRow> = [
  ['backend', ({ backend }) => backend],
  ['budget', ({ budget }) => budget],
  ['recipe', ({ chosen }) => chosen.name],
  ['time', ({ chosen }) => chosen.time.toFixed(3)],
  ['PSNR', ({ chosen }) => decibels(chosen)],
  ['images', ({ chosen }) => chosen.images],
  ['cache', ({ chosen }) => `${(chosen.cacheBytes / 1e6).toFixed(0)} MB`],
  ['on the front', ({ onFront }) => (onFront ? 'yes' : 'no')],
  ['second', ({ second }) => second?.name ?? ''],
  ['time', ({ second }) => second?.time.toFixed(3) ?? ''],
  ['PSNR', ({ second }) => (second ? decibels(second) : '')],
];

function decibels({ psnr, spread }: Trial): string {
  return `${psnr.toFixed(1)} +- ${spread.toFixed(1)} dB`;
}

export function recipesTable(rows: readonly RecipeRow[]): string {
  return markdownTable(COLUMNS, rows);
}
