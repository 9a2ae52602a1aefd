/**
 * What method `whitened` is for: on the embedded model's own increments it leaves the least error of all
 * methods in every layer. The increments are measured here, by their second moments, and not taken from what
 * the method itself measures.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { FactorSet, LayerFactors } from '../../src/cache/data/factorSet.js';
import { calibrate } from '../../src/calibrate/calibrate.js';
import type { FactorMethod } from '../../src/calibrate/factors.js';
import { loadCalibrationImages } from '../../src/calibrate/images.js';
import { type CalibrationSource, imageSource } from '../../src/calibrate/sources.js';
import { EMBEDDED_CALIBRATION_IMAGES, EMBEDDED_MODEL } from '../../src/embedded.js';
import { DenoisingSession, type TableRow } from '../../src/engine/session.js';
import { planSession } from '../../src/engine/sessionPlan.js';
import { STORE } from '../../src/models/layers/actions.js';
import type { LayerTap } from '../../src/models/layers/context.js';
import { computeAll } from '../../src/models/stepPlans.js';
import { Pipeline } from '../../src/pipeline/pipeline.js';
import { uniformActions } from '../support/actions.js';

const IMAGES = 16;
const RANK = 16;
const OTHERS: readonly FactorMethod[] = ['svd', 'ca', 'cd'];

/** Sums of dx dx^T over the tokens of one evaluation, as outputs of the plan. */
const momentsTap: LayerTap = (builder, { layer, x, cachedInput }) => {
  const out = builder.output(`moment.${layer.name}`, x.columns, x.columns);
  builder.append({ op: 'secondMoment', x, previous: cachedInput(), out });
};

/** E dx dx^T (up to a factor) of every layer, over all the source shows. */
async function momentsOf(model: Pipeline, source: CalibrationSource): Promise<Map<string, Float64Array>> {
  const { network, device, weights } = model;
  const plan = planSession(network, {
    sequences: source.sequences,
    conditions: source.sequences,
    steps: [uniformActions(network, STORE), computeAll(network)],
    tap: momentsTap,
  });
  using session = await DenoisingSession.create(device, weights, plan);
  const moments = new Map<string, Float64Array>();
  const evaluate = async (step: number, latents: Float32Array, conditions: readonly TableRow[]) => {
    await session.condition(conditions);
    const output = await session.evaluate(step, latents, Int32Array.from(conditions.keys()));
    if (step === 0) return output;
    const names = plan.plans[1]!.buffers.map(({ name }) => name).filter((name) => name.startsWith('moment.'));
    for (const name of names) {
      const values = await session.read(name);
      const sum = moments.get(name) ?? new Float64Array(values.length);
      moments.set(
        name,
        sum.map((value, i) => value + values[i]!),
      );
    }
    return output;
  };
  for (let batch = 0; batch < source.batches; batch++) await source.run(batch, { evaluate }, true);
  return moments;
}

/** E |(W - Wa Wb) dx|^2 = tr(D M D^T) with D = W - Wa Wb. */
function meanSquaredError(
  weight: Float32Array,
  { up, down, rows, columns, rank }: LayerFactors,
  moment: Float64Array,
): number {
  let sum = 0;
  const missed = new Float64Array(columns);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      let product = 0;
      for (let k = 0; k < rank; k++) product += up[i * rank + k]! * down[k * columns + j]!;
      missed[j] = weight[i * columns + j]! - product;
    }
    for (let j = 0; j < columns; j++) {
      let row = 0;
      for (let l = 0; l < columns; l++) row += moment[j * columns + l]! * missed[l]!;
      sum += missed[j]! * row;
    }
  }
  return sum;
}

describe(`embedded model, ${IMAGES} images, rank ${RANK}`, () => {
  let model: Pipeline;
  let source: CalibrationSource;
  let moments: Map<string, Float64Array>;
  let whitened: FactorSet;
  before(async () => {
    model = await Pipeline.load(EMBEDDED_MODEL);
    const data = loadCalibrationImages(EMBEDDED_CALIBRATION_IMAGES, model.network);
    source = imageSource(model.network, { ...data, count: IMAGES, batch: IMAGES, steps: 50 });
    moments = await momentsOf(model, source);
    whitened = await calibrate(model, { method: 'whitened', rank: RANK, source });
  });
  after(() => model.dispose());

  for (const method of OTHERS)
    test(`whitened leaves less error than ${method} in every layer`, async () => {
      const factors = await calibrate(model, { method, rank: RANK, source });
      assert.equal(moments.size, factors.layers.size);
      for (const [layer, other] of factors.layers) {
        const moment = moments.get(`moment.${layer}`)!;
        const weight = weightOf(model, layer, other);
        const own = meanSquaredError(weight, whitened.requireLayer(layer), moment);
        const theirs = meanSquaredError(weight, other, moment);
        assert.ok(own > 0 && own <= theirs, `${layer}: whitened ${own}, ${method} ${theirs}`);
      }
    });

  test('the ridge: of 0.01 where none is given, and every larger one costs more on what it was made with', async () => {
    const of = (ridge: number) => calibrate(model, { method: 'whitened', rank: RANK, source, ridge });
    const [least, given, tenfold] = [await of(1e-6), await of(0.01), await of(0.1)];
    assert.deepEqual(whitened.layers, given.layers);
    const layer = 'blocks.1.proj';
    const weight = weightOf(model, layer, given.requireLayer(layer));
    const error = (factors: FactorSet) =>
      meanSquaredError(weight, factors.requireLayer(layer), moments.get(`moment.${layer}`)!);
    assert.ok(error(least) < error(given) && error(given) < error(tenfold));
  });
});

/** The linear's rows of the checkpoint; q, k and v are the thirds of one tensor. */
function weightOf({ checkpoint }: Pipeline, layer: string, { rows, columns }: LayerFactors): Float32Array {
  const [, block, linear] = /^blocks\.(\d+)\.(\w+)$/.exec(layer)!;
  const third = ['q', 'k', 'v'].indexOf(linear!);
  const site = third >= 0 ? 'attn.qkv' : linear === 'proj' ? 'attn.proj' : `mlp.${linear}`;
  const values = checkpoint.read(`blocks.${block}.${site}.weight`);
  const first = Math.max(third, 0) * rows * columns;
  return values.subarray(first, first + rows * columns);
}
