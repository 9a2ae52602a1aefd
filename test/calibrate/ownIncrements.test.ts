/** Increments of own trajectories are those that policy `calibrated` meets at a period and an order: worked out here from the inputs. */
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { measureStatistics, type Statistics } from '../../src/calibrate/measureStatistics.js';
import { trajectorySource } from '../../src/calibrate/sources.js';
import { DenoisingSession, type TableRow } from '../../src/engine/session.js';
import { planSession } from '../../src/engine/sessionPlan.js';
import type { LayerTap } from '../../src/models/layers/context.js';
import { computeAll } from '../../src/models/stepPlans.js';
import { Pipeline } from '../../src/pipeline/pipeline.js';
import { assertClose } from '../support/compare.js';
import { temporaryFolder } from '../support/folder.js';
import { TINY_NETWORK, writeTinyModel } from '../support/tinyModel.js';

const STEPS = 8;
const LAYERS = ['blocks.0.k', 'blocks.1.proj', 'blocks.1.fc1', 'blocks.1.fc2'];

/** What a linear has in and out, as it is. */
const copies: LayerTap = (builder, { layer: { name }, x, y }) => {
  if (!LAYERS.includes(name)) return;
  for (const [side, view] of Object.entries({ input: x, output: y })) {
    const out = builder.output(`${name}.${side}`, view.rows, view.columns);
    builder.append({ op: 'linearCombination', terms: [{ x: view, coefficient: 1 }], out });
  }
};

describe('increments of own trajectories', () => {
  let model: Pipeline;
  const folder = temporaryFolder();
  before(async () => {
    model = await Pipeline.load(writeTinyModel(join(folder, 'a.safetensors')), { threads: 2 });
  });
  after(() => model.dispose());

  for (const period of [2, 3])
    for (const order of [0, 1])
      test(`period ${period}, order ${order}`, async () => {
        const source = trajectorySource(TINY_NETWORK, {
          count: 2,
          batch: 2,
          steps: STEPS,
          seed: 4,
          period,
          order,
        });
        const statistics = await measureStatistics(model, { source, increments: true, secondMoments: true });
        const values = await valuesOf(source);
        for (const layer of LAYERS) assertMoment(statistics, layer, values, period, order);
      });

  /** By step and name, of the uncached trajectory. */
  async function valuesOf(source: ReturnType<typeof trajectorySource>): Promise<Map<string, Float32Array>[]> {
    const { sequences } = source;
    const plan = planSession(TINY_NETWORK, {
      sequences,
      conditions: sequences,
      steps: [computeAll(TINY_NETWORK)],
      tap: copies,
    });
    using session = await DenoisingSession.create(model.device, model.weights, plan);
    const steps: Map<string, Float32Array>[] = [];
    const evaluate = async (_place: number, latents: Float32Array, conditions: readonly TableRow[]) => {
      await session.condition(conditions);
      const output = await session.evaluate(0, latents, Int32Array.from(conditions.keys()));
      const names = LAYERS.flatMap((layer) => [`${layer}.input`, `${layer}.output`]);
      const values = await Promise.all(names.map((name) => session.read(name)));
      steps.push(new Map(names.map((name, i) => [name, values[i]!])));
      return output;
    };
    await source.run(0, { evaluate }, true);
    return steps;
  }
});

/** Sum over scattered steps of d^T d / sqrt(trace), d to the last multiple of the period or to the line through the last two. */
function assertMoment(
  statistics: Statistics,
  layer: string,
  steps: readonly Map<string, Float32Array>[],
  period: number,
  order: number,
): void {
  const { side, sum } = statistics.get(layer)!.moment!;
  const channels = Math.sqrt(sum.length);
  const expected = new Float64Array(sum.length);
  for (let step = 0; step < STEPS; step++) {
    const stored = Math.floor(step / period) * period;
    if (stored === step) continue;
    const at = (place: number) => steps[place]!.get(`${layer}.${side}`)!;
    const slope = order === 1 && stored > 0 ? (step - stored) / period : 0;
    const d = Float64Array.from(at(step), (value, i) => {
      const last = at(stored)[i]!;
      return value - last - (slope > 0 ? slope * (last - at(stored - period)[i]!) : 0);
    });
    let trace = 0;
    for (const value of d) trace += value * value;
    for (let row = 0; row < d.length; row += channels)
      for (let i = 0; i < channels; i++)
        for (let j = 0; j < channels; j++)
          expected[i * channels + j]! += (d[row + i]! * d[row + j]!) / Math.sqrt(trace);
  }
  assertClose(sum, expected, 1e-4, `${layer} ${side}`);
}
