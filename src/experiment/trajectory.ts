/** Where along the steps and the layers a cached run leaves the uncached one on the same noise. */
import { join } from 'node:path';
import type { TopLevelSpec } from 'vega-lite';
import { subjectsOf } from '../evaluate/runs/subjects.js';
import { trajectoryError } from '../evaluate/runs/trajectory.js';
import { type Point, scatter } from './chart/scatter.js';
import { type Configuration, calibrated, chosen, ranksOf, reuse } from './configuration.js';
import type { Advance, Experiment, ExperimentContext, Measurement, Row, Section } from './experiment.js';
import { fileName } from './measurementStore.js';
import { Preparation } from './preparation.js';
import { common, groupBy, spread, spreadOf, spreadText } from './summary.js';

const ERRORS = 'errors';

function configurations(context: ExperimentContext): readonly Configuration[] {
  const [low, high] = ranksOf(context.pipeline.network, [1 / 8, 1 / 4]) as [number, number];
  const all = [
    reuse(2),
    reuse(3),
    calibrated('ca', low, 2),
    calibrated('ca', low, 3),
    calibrated('cd', high, 2),
    calibrated('cd', high, 3),
  ];
  return chosen(all, context);
}

export const trajectory: Experiment = {
  about: 'relative L2 to the uncached run by step and by layer',

  measurements(context) {
    const all = configurations(context);
    const preparation = new Preparation(context, all);
    return context.seeds.flatMap((seed) =>
      all.map((configuration) => errorMeasurement(context, preparation, configuration, seed)),
    );
  },

  report(tables, context) {
    const rows = tables.get(ERRORS)!;
    const layers = context.pipeline.network.sublayers.map(({ name }) => name);
    return {
      title: 'Error along the trajectory',
      introduction: `Relative L2 to the run without a cache, from the same noise: of the latents after every step, and of the residual stream behind every sublayer. ${context.images} images a seed,
all of a step taken as one vector. Where the curves are flat, errors die out; where they rise, they are what the next steps start from.`,
      chart: chartOf(rows, layers),
      sections: [stepTable(rows), layerTable(rows, layers)],
    };
  },
};

function errorMeasurement(
  context: ExperimentContext,
  preparation: Preparation,
  configuration: Configuration,
  seed: number,
): Measurement {
  const { images, sampling } = context;
  return {
    name: `${configuration.name} seed ${seed}`,
    table: ERRORS,
    key: { ...configuration, seed },
    work: 2 * images * sampling.steps + preparation.work(configuration),
    measure: (advance) =>
      preparation.use(configuration, seed, advance, (cache) =>
        measureErrors(context, configuration, seed, { cache }, advance),
      ),
  };
}

async function measureErrors(
  { pipeline, images, batch, sampling, text, folder, signal }: ExperimentContext,
  { name, family }: Configuration,
  seed: number,
  cache: Pick<Parameters<typeof trajectoryError>[1], 'cache'>,
  advance: Advance,
): Promise<Row[]> {
  const errors = await trajectoryError(pipeline, {
    ...sampling,
    ...cache,
    ...subjectsOf(pipeline.network, { ...text, seed }, images),
    seed,
    batch: Math.min(batch, images),
    folder: join(folder, 'runs', fileName(`${name} seed ${seed}`)),
    onStep: () => advance(2 * batch),
    ...(signal && { signal }),
  });
  return errors.map(({ step, timestep, latents, layers }) => ({
    configuration: name,
    family,
    seed,
    step,
    timestep,
    latents,
    ...Object.fromEntries(layers),
  }));
}

/** The error of the latents at a few steps, and at the last. */
function stepTable(rows: readonly Row[]): Section {
  const last = Math.max(...rows.map(({ step }) => Number(step)));
  const shown = [...new Set([0.1, 0.25, 0.5, 0.75, 0.9, 1].map((share) => Math.round(share * last)))];
  return {
    title: 'Latents after a step',
    header: ['configuration', ...shown.map((step) => `step ${step}`)],
    rows: groupBy(rows, ['configuration']).map((group) => [
      String(common(group, 'configuration')),
      ...shown.map((step) =>
        spreadText(
          spread(
            group.filter((row) => row.step === step),
            'latents',
          ),
          4,
        ),
      ),
    ]),
  };
}

function layerTable(rows: readonly Row[], layers: readonly string[]): Section {
  return {
    title: 'Residual stream behind a sublayer, mean over steps',
    header: ['configuration', ...layers.map(shortName)],
    rows: groupBy(rows, ['configuration']).map((group) => [
      String(common(group, 'configuration')),
      ...layers.map((layer) => spreadText(overSteps(group, layer), 4)),
    ]),
  };
}

/** Spread over seeds of the means over the steps. */
function overSteps(group: readonly Row[], column: string) {
  return spreadOf(groupBy(group, ['seed']).map((seed) => spread(seed, column)!.mean));
}

function chartOf(rows: readonly Row[], layers: readonly string[]): TopLevelSpec {
  const byStep = groupBy(rows, ['configuration', 'step']).flatMap((group): Point[] => {
    const y = spread(group, 'latents')!.mean;
    // A logarithm has no place for the first step, which is computed in full.
    return y > 0 ? [{ family: familyOf(group), x: Number(common(group, 'step')), y }] : [];
  });
  const byLayer = groupBy(rows, ['configuration']).flatMap((group) =>
    layers.map(
      (layer, i): Point => ({ family: familyOf(group), x: i / 2, y: overSteps(group, layer)!.mean }),
    ),
  );
  return scatter([
    { x: 'step', y: 'relative L2 of the latents', points: byStep, logY: true, linesOnly: true },
    {
      x: 'block (attention, then MLP half a block on)',
      y: 'relative L2 of the residual stream',
      points: byLayer,
    },
  ]);
}

function familyOf(group: readonly Row[]): string {
  return String(common(group, 'configuration'));
}

/** `blocks.3.attention` to `3 attn`. */
function shortName(layer: string): string {
  const [, block, sublayer] = layer.split('.');
  return `${block} ${sublayer === 'attention' ? 'attn' : sublayer}`;
}
