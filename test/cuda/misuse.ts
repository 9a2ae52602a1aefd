/** What cannot be done on a GPU is refused with a sentence, and the process lives on. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Device } from '../../src/backend/backend.js';
import { openDevice } from '../../src/backend/choose.js';
import { PlanBuilder } from '../../src/plan/builder.js';
import type { Plan } from '../../src/plan/types.js';
import { bind, blockPlan } from '../wasm/block.js';
import { enter, type Place } from './places.js';

export function testMisuse(place: Place): void {
  describe(`misuse on ${place.name}`, { skip: place.skip }, () => {
    let device: Device;
    before(async () => {
      enter(place);
      device = await openDevice('cuda', { weights: 'f32' });
    });
    after(() => device.dispose());

    test('a row that the table does not have', async () => {
      const b = new PlanBuilder('gather');
      const table = b.input('table', 10, 3);
      const index = b.input('index', 4, 1, 'i32');
      b.layer('embedder');
      b.append({ op: 'gatherRows', table, index, out: b.output('out', 4, 3) });
      const { tensors, executable } = await bindInputs(device, b.build());
      const values = Float32Array.from({ length: 30 }, (_, i) => i);
      await tensors.get('table')!.write(values);
      for (const bad of [-1, 10, -(2 ** 31), 2 ** 31 - 1]) {
        await tensors.get('index')!.write(Int32Array.of(0, 9, bad, 2));
        await assert.rejects(executable.run(), {
          name: 'IncacheError',
          message: `gatherRows of embedder: index 2 is ${bad}; expected one from 0 to 9`,
        });
      }
      await tensors.get('index')!.write(Int32Array.of(0, 9, 5, 2));
      await executable.run();
      assert.deepEqual(
        await tensors.get('out')!.read(),
        Float32Array.of(0, 1, 2, 27, 28, 29, 15, 16, 17, 6, 7, 8),
      );
      assert.deepEqual(await tensors.get('index')!.read(), Int32Array.of(0, 9, 5, 2));
    });

    test('a key length that is none', async () => {
      const b = new PlanBuilder('attention');
      const [q, k] = [b.input('q', 6, 8), b.input('k', 10, 8)];
      const keyLengths = b.input('lengths', 2, 1, 'i32');
      b.layer('blocks.3');
      const shape = { heads: 2, queryLength: 3, keyLength: 5, scale: 0.5 };
      b.append({ op: 'attention', q, k, v: k, ...shape, keyLengths, out: b.output('out', 6, 8) });
      const { tensors, executable } = await bindInputs(device, b.build());
      for (const bad of [0, 6, -3]) {
        await tensors.get('lengths')!.write(Int32Array.of(1, bad));
        await assert.rejects(executable.run(), {
          name: 'IncacheError',
          message: `attention of blocks.3: key length 1 is ${bad}; expected one from 1 to 5`,
        });
      }
      await tensors.get('lengths')!.write(Int32Array.of(1, 5));
      await executable.run();
    });

    test('more memory than there is', async () => {
      const inUse = device.memoryInUse;
      assert.throws(() => device.allocate(2 ** 30, 2 ** 10), {
        name: 'OutOfMemoryError',
        message: /^cuda:0 is out of memory: asked for 4\.0 TiB with .+ in use of at most /,
      });
      assert.equal(device.memoryInUse, inUse);
      assert.deepEqual(await device.allocate(1, 1).read(), Float32Array.of(0));
    });

    test('options', async () => {
      await assert.rejects(
        openDevice('cuda', { weights: 'int8' }),
        /^ArgumentError: weights is 'int8'; expected one of f32, bf16, f16$/,
      );
      await assert.rejects(openDevice('cuda', { threads: 0 }), /^ArgumentError: threads is 0; expected/);
      await assert.rejects(
        openDevice('cuda', { deviceIndex: -1 }),
        /^ArgumentError: deviceIndex is -1; expected/,
      );
      await assert.rejects(
        openDevice('cuda:999'),
        /^ArgumentError: deviceIndex is 999; expected one that is present: there (is one GPU|are \d+ GPUs)/,
      );
      await assert.rejects(
        openDevice('wasm', { deviceIndex: 1 }),
        /^ArgumentError: deviceIndex is 1; expected 0, the one device of wasm$/,
      );
    });

    test('what is disposed while runs are under way', async () => {
      const other = await openDevice('cuda');
      const bound = await bind(other, blockPlan());
      const outcomes = Promise.allSettled(Array.from({ length: 4 }, () => bound.executable.run()));
      await new Promise((resolve) => setImmediate(resolve));
      for (const disposable of [bound.executable, bound.weights, ...bound.tensors.values()])
        disposable.dispose();
      await Promise.all([other.dispose(), other.dispose()]);
      for (const outcome of (await outcomes).slice(1)) {
        assert.equal(outcome.status, 'rejected');
        assert.match(String(outcome.reason), /has been disposed/);
      }
      await assert.rejects(bound.executable.run(), /device has been disposed/);
      await assert.rejects(bound.tensors.get('x')!.read(), /device has been disposed/);
      assert.throws(() => other.allocate(1, 1), /device has been disposed/);
      assert.equal(other.memoryInUse, 0);
    });

    test('buffers and weights of two 16-bit types', async () => {
      const other = await openDevice('cuda', { weights: 'bf16' });
      const b = new PlanBuilder('mixed');
      const x = b.state('x', 4, 8, 'f16');
      b.layer('blocks.2');
      b.append({ op: 'linear', x, weight: b.weight('w', 3, 8), epilogue: 'none', out: b.output('y', 4, 3) });
      await assert.rejects(bind(other, b.build()), {
        name: 'IncacheError',
        message: /linear of blocks\.2 has operands in f16 and weights in bf16; expected one 16-bit type$/,
      });
      await other.dispose();
    });

    test('memory comes back', async () => {
      // Of its own: tensors that the other tests have dropped are collected at any time.
      const other = await openDevice('cuda', { weights: 'f32' });
      const { executable, weights, tensors } = await bind(other, blockPlan());
      await executable.run();
      assert.ok(other.memoryInUse > 0);
      for (const disposable of [executable, weights, ...tensors.values()]) disposable.dispose();
      assert.equal(other.memoryInUse, 0);
      await other.dispose();
    });
  });
}

/** Tensors for every buffer of a plan without weights. */
async function bindInputs(device: Device, plan: Plan) {
  const tensors = new Map(
    plan.buffers.map(
      ({ name, rows, columns, type }) => [name, device.allocate(rows, columns, type)] as const,
    ),
  );
  const weights = device.loadWeights({ read: () => new Float32Array() });
  return { tensors, executable: await device.compile(plan, { weights, tensors }) };
}
