/** Whether tuning keeps its time, and whether a recipe then takes the time that it says. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { medianRatio } from '../../src/bench/measure.js';
import { tune as tunePipeline } from '../../src/evaluate/index.js';
import { Pipeline, Recipe } from '../../src/index.js';
import { namedConfig, tensorShapes } from '../../src/models/index.js';
import { labelsInTurn } from '../../src/models/network.js';
import { writeSafetensors } from '../../src/weights/index.js';
import { runProblem } from '../ddim50/problem.js';
import { type Columns, markdownTable } from '../table.js';

export interface TuneRow {
  readonly policy: string;
  /** That tuning was given, and that it took. */
  readonly givenSeconds: number;
  readonly tookSeconds: number;
  /** Images of a batch in all that follows. */
  readonly batch: number;
  /** Time over that of a run without a cache: as the recipe says, of a process's first run, and of later ones. */
  readonly predicted: number;
  readonly first: number;
  readonly later: number;
}

const SIZE = 'DiT-S/2';
const STEPS = 20;
const SECONDS = 120;
const MOST_TIME = 0.6;
const ROUNDS = 6;

/** Random weights: times do not depend on them. The recipe is sampled by a pipeline of its own, in turn with no cache. */
export async function tune(size = SIZE, givenSeconds = SECONDS, rounds = ROUNDS) {
  const folder = mkdtempSync(join(tmpdir(), 'incache-bench-'));
  try {
    const model = join(folder, 'model.safetensors');
    const problem = runProblem(namedConfig(size), 1, 1);
    const shapes = [...tensorShapes(problem.config)];
    writeSafetensors(
      model,
      shapes.map(([name, shape]) => ({ name, dtype: 'F32', shape, data: () => problem.tensor(name).data })),
    );
    const recipe = join(folder, 'recipe.safetensors');
    const tookSeconds = await writeRecipe(model, recipe, givenSeconds);
    const { policy, batch, predicted, times } = await timesOf(model, recipe, rounds);
    const [first, ...later] = times;
    const row: TuneRow = {
      policy,
      givenSeconds,
      tookSeconds,
      batch,
      predicted,
      first: first!.recipe / first!.whole,
      later: medianRatio(
        later.map(({ recipe }) => recipe),
        later.map(({ whole }) => whole),
      ),
    };
    const text = `Tuning of ${size} (random weights), ${STEPS} guided steps, native, budget time:${MOST_TIME}; then the recipe in turn with no cache, the median of ${later.length} rounds behind the first.`;
    return { text, rows: [row] };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Returns how long tuning took, in seconds. */
async function writeRecipe(model: string, path: string, seconds: number): Promise<number> {
  await using pipeline = await Pipeline.load(model, { backend: 'native' });
  const started = performance.now();
  const { recipe } = await tunePipeline(pipeline, {
    budget: { kind: 'time', most: MOST_TIME },
    nearest: true,
    steps: STEPS,
    seconds,
  });
  recipe.save(path);
  return (performance.now() - started) / 1000;
}

/** Milliseconds of the recipe and of no cache in each round. */
async function timesOf(model: string, path: string, rounds: number) {
  await using pipeline = await Pipeline.load(model, { backend: 'native' });
  const recipe = Recipe.load(path);
  const { batch, time } = recipe.info.measured;
  const labels = labelsInTurn(pipeline.network, batch);
  const sample = async (cache: Recipe['options']) =>
    (await pipeline.generateLatents({ labels, steps: STEPS, cache })).report.milliseconds;
  // Weights are read and packed by the first step of all.
  for await (const _ of pipeline.sample({ labels, steps: STEPS })) break;
  const times: { readonly whole: number; readonly recipe: number }[] = [];
  for (let round = 0; round < rounds; round++)
    times.push({ whole: await sample({}), recipe: await sample(recipe.options) });
  const policy = Object.entries(recipe.parameters).map(([name, value]) =>
    name === 'policy' ? value : `${name} = ${value}`,
  );
  return { policy: policy.join(', '), batch, predicted: time, times };
}

const COLUMNS: Columns<TuneRow> = [
  ['recipe', ({ policy }) => policy],
  ['tuning, s', ({ tookSeconds, givenSeconds }) => `${tookSeconds.toFixed(0)} of ${givenSeconds}`],
  ['images', ({ batch }) => batch],
  ['time, predicted', ({ predicted }) => predicted.toFixed(3)],
  ['time, sampled', ({ later }) => later.toFixed(3)],
  ['off by', ({ predicted, later }) => `${(100 * (predicted / later - 1)).toFixed(1)} %`],
  ['time of the first run', ({ first }) => first.toFixed(3)],
];

export function tuneTable(rows: readonly TuneRow[]): string {
  return markdownTable(COLUMNS, rows);
}
