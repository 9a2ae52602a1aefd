/** What a session keeps: which caches, of which type, and that the ways of keeping them give the same. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { WeightSource } from '../../src/backend/backend.js';
import { backends } from '../../src/backend/choose.js';
import { DenoiserCheckpoint } from '../../src/engine/checkpoint.js';
import { planSession, type SessionOptions, type SessionPlan } from '../../src/engine/sessionPlan.js';
import { namedNetwork } from '../../src/models/families.js';
import { type Actions, CALIBRATE, type CacheForm, COMPUTE, STORE } from '../../src/models/layers/actions.js';
import { computeAll } from '../../src/models/stepPlans.js';
import { tokensOf } from '../../src/models/transformer/config.js';
import type { FloatType } from '../../src/plan/types.js';
import { uniformActions } from '../support/actions.js';
import { assertClose } from '../support/compare.js';
import { type DenoiserOptions, openDenoiser, periodic } from '../support/denoiser.js';
import { temporaryFolder } from '../support/folder.js';
import { Random } from '../support/random.js';
import { TINY, TINY_NETWORK, writeTinyModel } from '../support/tinyModel.js';

const SEQUENCES = 3;
const RANK = 5;
const FORMS = ['input', 'rank'] as const;
const { hiddenSize: C, mlpSize: H, depth } = TINY;
/** Elements of a column of all tokens. */
const TOKENS = SEQUENCES * tokensOf(TINY);

const stored = uniformActions(TINY_NETWORK, STORE);
const calibrated = uniformActions(TINY_NETWORK, CALIBRATE);
/** fc1 of every block is computed at a third step: until then nothing differs, but no MLP is one operation. */
const FUSED: Actions[] = [stored, calibrated];
const UNFUSED: Actions[] = [
  ...FUSED,
  new Map([...calibrated].map(([name, action]) => [name, name.endsWith('.fc1') ? COMPUTE : action])),
];

const plan = (options: Partial<SessionOptions>): SessionPlan =>
  planSession(TINY_NETWORK, {
    sequences: SEQUENCES,
    conditions: 1,
    steps: FUSED,
    rank: () => RANK,
    ...options,
  });

describe('cache of a calibrated session', () => {
  /** Floats of what attention keeps, of fc1's input or hidden, and of the outputs of both of the MLP. */
  const inputs = C + C + C;
  const outputs = 3 * C + C + H + C;

  for (const [activations, bytes] of [
    ['f32', 4],
    ['bf16', 2],
  ] as const) {
    test(`${activations}, input form: inputs but that of fc2, and outputs`, () =>
      assert.equal(plan({ activations }).memory.cache, depth * TOKENS * (inputs + outputs) * bytes));

    test(`${activations}, rank form: hidden in f32 but that of fc2, and outputs`, () => {
      const hidden = (3 + 1 + 1) * RANK * 4;
      assert.equal(
        plan({ activations, form: 'rank' }).memory.cache,
        depth * TOKENS * (hidden + outputs * bytes),
      );
    });
  }

  test('fc2 keeps its input where the MLP is not one operation', () =>
    assert.equal(plan({ steps: UNFUSED }).memory.cache, depth * TOKENS * (inputs + H + outputs) * 4));

  test('and where a tap may ask for it', () => {
    const asked: string[] = [];
    const tapped = plan({
      steps: [stored, computeAll(TINY_NETWORK)],
      tap: (builder, { layer, cachedInput }) => {
        const previous = cachedInput();
        const out = builder.output(`sum.${layer.name}`, SEQUENCES, previous.columns);
        builder.append({ op: 'channelStatistics', x: previous, out });
        asked.push(layer.name);
      },
    });
    assert.ok(asked.includes('blocks.0.fc2'));
    const names = tapped.plans[0]!.buffers.map(({ name }) => name);
    assert.ok(names.includes('cache.blocks.0.fc2.input'));
  });
});

test('bf16 is for what lies between the operations of a block, and its caches', () => {
  const mixed = [...UNFUSED, ...periodic(TINY_NETWORK, 2, 2, 'reuse')];
  for (const { buffers, ops } of plan({ activations: 'bf16', steps: mixed }).plans) {
    const typeOf = (view: { buffer: number }) => buffers[view.buffer]!.type;
    for (const { name, role, type } of buffers)
      if (role === 'state') assert.equal(type, name === 'modulation' ? 'f32' : 'bf16', name);
    for (const { layer, op } of ops) {
      const inside = /^blocks\.\d+\./.test(layer);
      if (op.op === 'layerNormModulate') {
        assert.equal(typeOf(op.x), 'f32', `${layer} normalises the residual stream`);
        assert.equal(typeOf(op.out), inside ? 'bf16' : 'f32', layer);
      }
      if (op.op === 'attention')
        for (const view of [op.q, op.k, op.v, op.out]) assert.equal(typeOf(view), 'bf16');
      if ('epilogue' in op && op.epilogue === 'gateResidual')
        for (const view of [op.out, op.residual!, op.gate!]) assert.equal(typeOf(view), 'f32', layer);
      if (!inside)
        for (const view of [op.out, ...('x' in op ? [op.x] : [])]) assert.equal(typeOf(view), 'f32');
    }
  }
});

/** The tiny model with factors of random numbers, small enough for an increment. */
class TinySource implements WeightSource {
  readonly checkpoint = new DenoiserCheckpoint(writeTinyModel(`${temporaryFolder()}/tiny.safetensors`));
  readonly #factors = new Map<string, Float32Array>();

  read(name: string): Float32Array {
    if (!name.startsWith('factors.')) return this.checkpoint.read(name);
    const [, linear, side] = /\.(\w+)\.(down|up)$/.exec(name)!;
    const channels = linear === (side === 'down' ? 'fc2' : 'fc1') ? H : C;
    const known = this.#factors.get(name) ?? new Random(name.length).normals(channels * RANK, 0.2);
    this.#factors.set(name, known);
    return known;
  }
}

for (const { name: backend, available, detail } of backends())
  describe(`a session on ${backend}`, { skip: !available && detail }, () => {
    const weights = new TinySource();
    const size = SEQUENCES * TINY.inChannels * TINY.inputSize ** 2;
    const stored = new Random(1).normals(size);
    const moved = stored.map((value, i) => value + 0.1 * Math.sin(i));
    const timesteps = [500, 500, 500];

    /** Stores at one evaluation, calibrates at the next. */
    async function run(then: Float32Array, options: Partial<DenoiserOptions>): Promise<Float32Array[]> {
      const denoiser = await openDenoiser({
        backend,
        network: TINY_NETWORK,
        weights,
        sequences: SEQUENCES,
        steps: FUSED,
        rank: RANK,
        ...options,
      });
      try {
        const labels = [0, 1, 2];
        const first = await denoiser.evaluate(0, stored, timesteps, labels);
        return [first, await denoiser.evaluate(1, then, timesteps, labels)];
      } finally {
        await denoiser.dispose();
      }
    }

    for (const form of FORMS)
      test(`an MLP in one operation gives what its two linears give, ${form} form`, async () => {
        const [storedFused, fused] = await run(moved, { form });
        const [storedApart, apart] = await run(moved, { form, steps: UNFUSED });
        assertClose(storedFused!, storedApart!, 1e-6, 'the step that stores');
        assertClose(fused!, apart!, 1e-5, 'the calibrated step');
      });

    const types: FloatType[] = backend === 'wasm' ? ['f32'] : ['f32', 'bf16'];
    for (const activations of types)
      for (const form of FORMS)
        test(`what has not changed gives what was stored, ${activations}, ${form} form`, async () => {
          const [first, second] = await run(stored, { activations, form: form as CacheForm });
          assertClose(second!, first!, 1e-6, 'the calibrated step');
        });

    if (types.includes('bf16'))
      test('bf16 is near to f32, and not the same', async () => {
        const [narrow, wide] = [await run(moved, { activations: 'bf16' }), await run(moved, {})];
        for (const [step, output] of narrow.entries()) {
          assertClose(output, wide[step]!, 0.02, `step ${step}`);
          assert.throws(() => assertClose(output, wide[step]!, 1e-5, ''));
        }
      });
  });

test('the modulation table has as many whole steps as fit 64 MiB, at least one and no more than there are', () => {
  const LIMIT = 64 * 2 ** 20;
  const XL = namedNetwork('DiT-XL/2');
  const stepBytes = 4 * XL.tableWidth;
  const table = (labels: number, steps: number) => {
    const { chunkSteps, memory } = planSession(XL, {
      sequences: 2,
      conditions: labels,
      steps: Array.from({ length: steps }, () => computeAll(XL)),
    });
    assert.equal(memory.modulation, chunkSteps * labels * stepBytes);
    return chunkSteps;
  };
  assert.equal(table(1, 50), 50);
  for (const labels of [1, 3, 7]) {
    const chunk = table(labels, 1000);
    assert.ok(
      chunk * labels * stepBytes <= LIMIT && (chunk + 1) * labels * stepBytes > LIMIT,
      `${chunk} steps`,
    );
  }
  assert.equal(table(100, 10), 1);
});
