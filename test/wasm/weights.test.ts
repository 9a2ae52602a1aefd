import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openWasmDevice, type WasmDevice } from '../../src/backend/wasm/device.js';
import { PlanBuilder } from '../../src/plan/builder.js';
import type { Plan } from '../../src/plan/types.js';
import { relativeL2 } from '../support/compare.js';
import { Random } from '../support/random.js';
import { bind } from './block.js';

let device: WasmDevice;
before(async () => {
  device = await openWasmDevice({ threads: 1 });
});
after(() => device.dispose());

/** out = x W^T + bias. */
function linearPlan(rows: number, inputs: number, outputs: number): Plan {
  const b = new PlanBuilder('linear');
  const x = b.input('x', rows, inputs);
  const [weight, bias] = [b.weight('w', outputs, inputs), b.weight('b', 1, outputs)];
  b.append({ op: 'linear', x, weight, bias, epilogue: 'none', out: b.output('out', rows, outputs) });
  return b.build();
}

for (const [value, place] of [
  [Number.NaN, 0],
  [Number.POSITIVE_INFINITY, 76],
  [Number.NEGATIVE_INFINITY, 40],
] as const)
  for (const name of ['w', 'b'])
    for (const precision of ['f32', 'int8'] as const)
      test(`${value} in weight '${name}' is named (${precision})`, async () => {
        const opened = await openWasmDevice({ threads: 1, weights: precision });
        const plan = linearPlan(3, 70, 77);
        const tensors = new Map(
          [
            ['x', 70],
            ['out', 77],
          ].map(([key, columns]) => [key as string, opened.allocate(3, columns as number)]),
        );
        const before = opened.memoryInUse;
        const weights = opened.loadWeights({
          read: (asked) => {
            const values = new Float32Array(asked === 'w' ? 70 * 77 : 77);
            if (asked === name) values[place] = value;
            return values;
          },
        });
        await assert.rejects(opened.compile(plan, { weights, tensors }), {
          name: 'IncacheError',
          message: new RegExp(`'${name}' holds ${value} at element ${place}`),
        });
        weights.dispose();
        assert.equal(opened.memoryInUse, before, 'memory was not given back');
        await opened.dispose();
      });

test('a tensor of the wrong size is named', async () => {
  const plan = linearPlan(2, 5, 6);
  const weights = device.loadWeights({ read: () => new Float32Array(29) });
  const tensors = new Map([
    ['x', device.allocate(2, 5)],
    ['out', device.allocate(2, 6)],
  ]);
  await assert.rejects(device.compile(plan, { weights, tensors }), /'w' has 29 values.*6 x 5/);
});

test('plans share packed weights, each read once', async () => {
  const reads: string[] = [];
  const weights = device.loadWeights({
    read: (name) => {
      reads.push(name);
      return new Float32Array(name === 'w' ? 30 : 6);
    },
  });
  for (const rows of [2, 3]) {
    const tensors = new Map([
      ['x', device.allocate(rows, 5)],
      ['out', device.allocate(rows, 6)],
    ]);
    await device.compile(linearPlan(rows, 5, 6), { weights, tensors });
  }
  assert.deepEqual(reads, ['w', 'b']);
  assert.equal(weights.bytes, 8 * 5 * 4 + 6 * 4, 'packed to a panel of eight rows, and the bias');
});

test('released weights are freed, and plans of them do not run', async () => {
  const { weights, executable } = await bind(device, linearPlan(4, 9, 17));
  const held = weights.bytes;
  const inUse = device.memoryInUse;
  weights.release('w');
  assert.equal(weights.bytes, 17 * 4);
  assert.ok(inUse - device.memoryInUse >= held - weights.bytes);
  await assert.rejects(executable.run(), /'w'.*released/);
});

test('int8 is close to float32 and a quarter of its size', async () => {
  const int8 = await openWasmDevice({ threads: 1, weights: 'int8' });
  for (const [rows, inputs, outputs] of [
    [5, 64, 64],
    [33, 129, 83],
    [7, 4608, 70],
  ] as const) {
    const plan = linearPlan(rows, inputs, outputs);
    const [exact, quantized] = [await bind(device, plan), await bind(int8, plan)];
    const [a, b] = [await exact.run(), await quantized.run()].map((bits) => new Float32Array(bits.buffer));
    const error = relativeL2(b!, a!);
    assert.ok(error > 1e-5, 'the 8-bit kernel did not run');
    assert.ok(error < 0.012, `relative error ${error}`);
    assert.ok(quantized.weights.bytes < 0.3 * exact.weights.bytes);
  }
  await int8.dispose();
});

test('int8 leaves small linears in float32, and rows of zeros zero', async () => {
  const int8 = await openWasmDevice({ threads: 1, weights: 'int8' });
  const small = linearPlan(5, 63, 200);
  assert.deepEqual(await (await bind(int8, small)).run(), await (await bind(device, small)).run());
  await int8.dispose();
});

test('int8: a row of zeros gives the bias', async () => {
  const int8 = await openWasmDevice({ threads: 1, weights: 'int8' });
  const bias = new Random(2).normals(100);
  const weights = int8.loadWeights({ read: (name) => (name === 'b' ? bias : new Random(1).normals(10_000)) });
  const [x, out] = [int8.allocate(6, 100), int8.allocate(6, 100)];
  const values = new Random(3).normals(600).fill(0, 200, 300);
  await x.write(values);
  const tensors = new Map([
    ['x', x],
    ['out', out],
  ]);
  await (await int8.compile(linearPlan(6, 100, 100), { weights, tensors })).run();
  assert.deepEqual((await out.read()).slice(200, 300), bias);
  await int8.dispose();
});

test('int8 does not overflow at the largest values and depth', async () => {
  const int8 = await openWasmDevice({ threads: 1, weights: 'int8' });
  const depth = 8192;
  const weights = int8.loadWeights({
    read: (name) => new Float32Array(name === 'w' ? depth * 64 : 64).fill(name === 'w' ? 1 : 0),
  });
  const tensors = new Map([
    ['x', int8.allocate(1, depth)],
    ['out', int8.allocate(1, 64)],
  ]);
  const executable = await int8.compile(linearPlan(1, depth, 64), { weights, tensors });
  await tensors.get('x')!.write(new Float32Array(depth).fill(-3));
  await executable.run();
  for (const value of await tensors.get('out')!.read()) assert.ok(Math.abs(value / (-3 * depth) - 1) < 1e-6);
  await int8.dispose();
});
