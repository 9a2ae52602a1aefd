/** black-images: a run whose values stop being finite ends there, and says at which step and in which image. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { WEIGHT_PRECISIONS, type WeightPrecision } from '../../src/backend/backend.js';
import { FactorSet, type LayerFactors } from '../../src/cache/data/factorSet.js';
import { calibrate } from '../../src/calibrate/calibrate.js';
import { trajectorySource } from '../../src/calibrate/sources.js';
import { NonFiniteError } from '../../src/errors.js';
import { evaluateModel } from '../../src/evaluate/runs/evaluateModel.js';
import { measureErrors } from '../../src/evaluate/runs/measureErrors.js';
import { trajectoryError } from '../../src/evaluate/runs/trajectory.js';
import { Pipeline } from '../../src/pipeline/pipeline.js';
import { temporaryFolder } from '../support/folder.js';
import { type TinyModelOptions, writeTinyModel } from '../support/tinyModel.js';
import { PRESENT } from './tinyPipeline.js';

const STEPS = 4;
const folder = temporaryFolder();

/** A tiny model in which every value of the named tensors that `chosen` picks is multiplied by `scale`. */
function scaled(scale: number, name: RegExp, chosen = (_: number) => true): TinyModelOptions['change'] {
  return (tensors) => {
    for (const [key, tensor] of tensors)
      if (name.test(key))
        tensors.set(key, {
          ...tensor,
          data: (tensor.data as Float32Array).map((value, i) => (chosen(i) ? scale * value : value)),
        });
  };
}

/** Every MLP gives values beyond float32. */
const LARGE = writeTinyModel(`${folder}/large.safetensors`, { change: scaled(1e25, /mlp\.fc.*weight/)! });
/** Only images of class 2 do: its embedding is row 2 of a table of 32 columns. */
const LARGE_CLASS = writeTinyModel(`${folder}/class.safetensors`, {
  change: scaled(1e30, /embedding_table/, (i) => Math.floor(i / 32) === 2)!,
});
/** What the network predicts is beyond float32, whatever it is computed in. */
const LARGE_END = writeTinyModel(`${folder}/end.safetensors`, {
  change: scaled(1e38, /final_layer\.linear\.weight/)!,
});
const SOUND = writeTinyModel(`${folder}/sound.safetensors`);

function at(step: number, image: number) {
  return (error: unknown) => {
    assert.ok(error instanceof NonFiniteError, String(error));
    assert.deepEqual([error.step, error.steps, error.image], [step, STEPS, image]);
    assert.match(error.message, new RegExp(`finite at step ${step} of ${STEPS}, image ${image}\\b`));
    return true;
  };
}

/** The precisions that a backend has here; one that it has not is refused when it is opened. */
async function opened(
  backend: string,
  weights: WeightPrecision,
  model: string,
): Promise<Pipeline | undefined> {
  try {
    return await Pipeline.load(model, { backend, weights, threads: 2 });
  } catch {
    return undefined;
  }
}

for (const backend of PRESENT)
  for (const weights of WEIGHT_PRECISIONS) {
    const probe = await opened(backend, weights, SOUND);
    if (!probe) continue;
    await probe.dispose();
    describe(`black-images: ${backend}, ${weights}`, () => {
      test('a final layer that is too large', async () => {
        await using pipeline = (await opened(backend, weights, LARGE_END))!;
        await assert.rejects(pipeline.generate({ labels: [0, 1], steps: STEPS }), at(0, 0));
      });

      // Its float64 holds what the other backends cannot.
      if (backend === 'reference') return;

      for (const policy of ['none', 'reuse', 'taylorseer'] as const)
        test(`weights that are too large, policy ${policy}`, async () => {
          await using pipeline = (await opened(backend, weights, LARGE))!;
          const seen: number[] = [];
          const run = pipeline.generate({ labels: [0, 1], steps: STEPS, cache: { policy } }, ({ index }) =>
            seen.push(index),
          );
          await assert.rejects(run, at(0, 0));
          assert.deepEqual(seen, []);
        });

      test('one image of the second batch', async () => {
        await using pipeline = (await opened(backend, weights, LARGE_CLASS))!;
        const labels = [0, 1, 0, 2];
        await assert.rejects(pipeline.generate({ labels, batch: 2, steps: STEPS }), at(0, 3));
        await assert.rejects(pipeline.generate({ labels, firstImage: 10, steps: STEPS }), at(0, 13));
        await pipeline.generate({ labels: [0, 1], steps: STEPS });
      });

      test('factors that are too large, at the first calibrated step', async () => {
        await using pipeline = (await opened(backend, weights, SOUND))!;
        const { info, layers } = await calibrate(pipeline, { method: 'svd', rank: 4 });
        const large = (layer: LayerFactors) => ({
          ...layer,
          up: layer.up.map((value) => 1e25 * value),
          down: layer.down.map((value) => 1e25 * value),
        });
        const factors = new FactorSet(
          info,
          new Map([...layers].map(([name, layer]) => [name, large(layer)])),
        );
        const cache = { policy: 'calibrated', period: 2, factors } as const;
        await assert.rejects(pipeline.generate({ labels: [0, 1], steps: STEPS, cache }), at(1, 0));
      });
    });
  }

describe('black-images: what is measured', () => {
  const run = { steps: STEPS, guidanceScale: 1.5 };
  const measurements: Record<string, (pipeline: Pipeline) => Promise<unknown>> = {
    evaluateModel: (pipeline) => evaluateModel(pipeline, { ...run, images: 4, batch: 2 }),
    'evaluateModel, compared': (pipeline) => evaluateModel(pipeline, { ...run, images: 4, compare: true }),
    measureErrors: (pipeline) => measureErrors(pipeline, { ...run, images: 2 }),
    trajectoryError: (pipeline) =>
      trajectoryError(pipeline, { ...run, labels: [0, 1], cache: { policy: 'reuse' } }),
    'calibrate on own trajectories': (pipeline) =>
      calibrate(pipeline, {
        method: 'cd',
        rank: 4,
        source: trajectorySource(pipeline.network, { count: 2, steps: STEPS }),
      }),
  };
  for (const [name, measure] of Object.entries(measurements))
    test(name, async () => {
      await using pipeline = await Pipeline.load(LARGE, { threads: 2 });
      await assert.rejects(measure(pipeline), at(0, 0));
    });
});
