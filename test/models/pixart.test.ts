/** PixArt: names of both codes, what a file leaves open, what it costs, and its layers in a cache. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { backends, openDevice } from '../../src/backend/choose.js';
import { DenoiserCheckpoint } from '../../src/engine/checkpoint.js';
import { DenoisingSession } from '../../src/engine/session.js';
import { planSession, type SessionOptions } from '../../src/engine/sessionPlan.js';
import type { LayerAction } from '../../src/models/layers/actions.js';
import { CALIBRATE, REUSE, STORE } from '../../src/models/layers/actions.js';
import { pixartNetwork } from '../../src/models/pixart/network.js';
import { computeAll } from '../../src/models/stepPlans.js';
import { costByLayer, planCost } from '../../src/plan/cost.js';
import { SafetensorsFile, type TensorToWrite, writeSafetensors } from '../../src/weights/safetensors.js';
import { assertClose } from '../support/compare.js';
import { temporaryFolder } from '../support/folder.js';
import { goldenFolder, readGoldenText } from '../support/golden.js';
import { Random } from '../support/random.js';
import { TINY_PIXART, writeTinyPixArt } from '../support/tinyPixArt.js';

const folder = temporaryFolder();
const NETWORK = pixartNetwork(TINY_PIXART);
const { hiddenSize: C, mlpSize: H, depth, captionTokens } = TINY_PIXART;
const TOKENS = 16;

const recorded = join(goldenFolder(), 'text/pixart/alpha');
const skip = process.env.INCACHE_GOLDEN !== undefined && 'the folder is another one';

test('a file with the names of the original code is the same model', { skip }, () => {
  using theirs = new DenoiserCheckpoint(join(recorded, 'transformer'));
  using source = SafetensorsFile.open(join(recorded, 'transformer/diffusion_pytorch_model.safetensors'));
  const { rows } = JSON.parse(readGoldenText('text/pixart/alpha/keys.json')) as {
    rows: [string, string, number, number][];
  };
  const parts = new Map<string, string[]>();
  for (const [diffusers, official] of rows) parts.set(official, [...(parts.get(official) ?? []), diffusers]);
  const tensors = [...parts].map(([name, names]): TensorToWrite => {
    const [first, ...others] = names.map((part) => source.entry(part).shape);
    const shape = [first![0]! * (1 + others.length), ...first!.slice(1)];
    const data = Float32Array.from(names.flatMap((part) => [...source.read(part)]));
    return { name: `state_dict.${name}`, dtype: 'F32', shape, data };
  });
  const path = join(folder, 'official.safetensors');
  writeSafetensors(path, tensors);
  using ours = new DenoiserCheckpoint(path, { heads: 2, sampleSize: 32, positionScale: 1 });
  assert.equal(ours.layout, 'pixart');
  assert.equal(ours.hash, theirs.hash);
  assert.deepEqual(ours.network.config, theirs.network.config);
});

test('the metadata of a file say what its shapes leave open', () => {
  const config = { ...TINY_PIXART, positionScale: 2, inputSize: 16, captionTokens: 9 };
  using checkpoint = new DenoiserCheckpoint(writeTinyPixArt(join(folder, 'said.safetensors'), config));
  assert.deepEqual(checkpoint.network.config, config);
});

test('a position table in the file says what its places were divided by', () => {
  const side = 8;
  const table = new Float32Array(side ** 2 * C);
  for (const scale of [0.5, 1, 2, 4]) {
    const place = 1 / scale;
    [table[C], table[C + C / 4]] = [Math.sin(place), Math.cos(place)];
    const path = writeTinyPixArt(join(folder, `table-${scale}.safetensors`), {}, (tensors) =>
      tensors.set('pos_embed', { name: 'pos_embed', dtype: 'F32', shape: [1, side ** 2, C], data: table }),
    );
    using written = SafetensorsFile.open(path);
    const unsaid = join(folder, `unsaid-${scale}.safetensors`);
    writeSafetensors(
      unsaid,
      written.names.map((name) => ({ ...written.entry(name), name, data: written.bytes(name) })),
    );
    using checkpoint = new DenoiserCheckpoint(unsaid, { heads: 2 });
    assert.deepEqual(checkpoint.network.latents.height, 2 * side);
    assert.equal((checkpoint.network.config as typeof TINY_PIXART).positionScale, scale);
  }
});

describe('refuses', () => {
  const cases: [string, () => unknown, RegExp][] = [
    [
      'a block without its table',
      () =>
        writeTinyPixArt(join(folder, 'x.safetensors'), {}, (tensors) =>
          tensors.delete('blocks.1.scale_shift_table'),
        ),
      /tensor 'blocks.1.scale_shift_table' is missing; expected shape \[6,48\]/,
    ],
    [
      'a stranger in a block',
      () =>
        writeTinyPixArt(join(folder, 'x.safetensors'), {}, (tensors) =>
          tensors.set('blocks.0.attn.q_norm.weight', {
            ...{ name: 'blocks.0.attn.q_norm.weight', dtype: 'F32', shape: [1] },
            data: new Float32Array(1),
          }),
        ),
      /tensor 'blocks.0.attn.q_norm.weight' does not belong to this PixArt/,
    ],
  ];
  for (const [name, write, message] of cases)
    test(name, () => {
      const path = write() as string;
      assert.throws(() => new DenoiserCheckpoint(path), { name: 'FormatError', message });
    });
  for (const [hint, message] of [
    [{ sampleSize: 7 }, /sampleSize is 7; expected a multiple of the patch size 2/],
    [{ captionTokens: 0 }, /captionTokens is 0; expected an integer from 1/],
    [{ positionScale: Number.NaN }, /positionScale is NaN; expected a finite number/],
    [{ heads: 5 }, /heads is 5; expected a divisor of the hidden size 48/],
  ] as const)
    test(JSON.stringify(hint), () => {
      const path = writeTinyPixArt(join(folder, 'hints.safetensors'));
      assert.throws(() => new DenoiserCheckpoint(path, hint), { name: 'ArgumentError', message });
    });
});

const session = (options: Partial<SessionOptions> = {}) =>
  planSession(NETWORK, { sequences: 3, conditions: 1, steps: [computeAll(NETWORK)], ...options });

test("a step's MACs are those of the image's layers: keys and values of the text are none of them", () => {
  const { plans, context, stepMacs } = session();
  const block = 6 * C * C + 2 * C * H;
  const products = 2 * TOKENS ** 2 * C + 2 * TOKENS * captionTokens * C;
  const outside = TOKENS * C * 4 * (4 + 8);
  assert.equal(stepMacs, 3 * (depth * (TOKENS * block + products) + outside));
  assert.ok([...costByLayer(plans[0]!).keys()].every((layer) => !layer.includes('kv_linear')));
  const text = captionTokens * (20 * C + C * C + depth * 2 * C * C);
  assert.equal(planCost(context!).macs, 3 * text);
  const { sublayers, fixedMacs, latents } = NETWORK;
  const layers = NETWORK.layers.reduce((sum, { inputs, outputs }) => sum + TOKENS * inputs * outputs, 0);
  const own = sublayers.reduce((sum, sublayer) => sum + sublayer.products(latents), 0);
  assert.equal(3 * (layers + own + fixedMacs(latents)), stepMacs);
});

test('a sublayer that is reused runs no layer of its own', () => {
  const reused = new Map(NETWORK.layers.map(({ name }) => [name, REUSE as LayerAction]));
  const stored = new Map(NETWORK.layers.map(({ name }) => [name, STORE as LayerAction]));
  const { plans } = session({ steps: [stored, reused] });
  assert.equal(planCost(plans[1]!).macs, 3 * TOKENS * C * 4 * (4 + 8));
});

for (const { name: backend, available, detail } of backends())
  describe(`caching on ${backend}`, { skip: !available && detail }, () => {
    const path = writeTinyPixArt(join(folder, `tiny-${backend}.safetensors`));
    const random = new Random(2);
    const latents = random.normals(3 * 4 * 64, 1);
    const conditions = [2, 6, 1].map((length) => ({
      timestep: 400,
      conditions: { text: random.normals(captionTokens * 20, 1), textLengths: [length] },
    }));
    const rows = new Int32Array(3);

    const outputs = async (actions: readonly LayerAction[]): Promise<Float32Array[]> => {
      const device = await openDevice(backend, { weights: 'f32' });
      using checkpoint = new DenoiserCheckpoint(path);
      const factors = new Map<string, Float32Array>();
      const weights = device.loadWeights({
        read: (name) => (name.startsWith('factors.') ? zeros(factors, name) : checkpoint.read(name)),
      });
      const steps = actions.map((action) => new Map(NETWORK.layers.map((layer) => [layer.name, action])));
      const plan = planSession(NETWORK, { sequences: 3, conditions: 1, steps, rank: () => 4 });
      const run = await DenoisingSession.create(device, weights, plan);
      await run.begin(conditions);
      await run.condition(conditions.slice(0, 1));
      const results: Float32Array[] = [];
      for (const step of actions.keys()) results.push(await run.evaluate(step, latents, rows));
      run.dispose();
      weights.dispose();
      await device.dispose();
      return results;
    };
    const zeros = (factors: Map<string, Float32Array>, name: string): Float32Array => {
      const { inputs, outputs: columns } = NETWORK.layers.find((layer) => name.includes(`.${layer.name}.`))!;
      const size = 4 * (name.endsWith('.down') ? inputs : columns);
      factors.set(name, factors.get(name) ?? new Float32Array(size));
      return factors.get(name)!;
    };

    test('the same input again is the same from the cache, reused and calibrated', async () => {
      const [stored, calibrated, reused] = await outputs([STORE, CALIBRATE, REUSE]);
      const [computed] = await outputs([{ compute: true }]);
      assertClose(stored!, computed!, 1e-5, 'stored');
      assertClose(calibrated!, computed!, 1e-5, 'calibrated');
      assertClose(reused!, computed!, 1e-5, 'reused');
    });

    test('what pads a caption does not matter', async () => {
      const [whole] = await outputs([{ compute: true }]);
      for (const { conditions: own } of conditions) own.text.fill(9, own.textLengths[0]! * 20);
      const [other] = await outputs([{ compute: true }]);
      assertClose(other!, whole!, 1e-6, 'prediction');
    });
  });
