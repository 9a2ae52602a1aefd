/** Weights in 16 bits, and weights that come as promises, mean what their float32 values mean. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { WeightSource, WeightValues } from '../../src/backend/backend.js';
import { roundBf16 } from '../../src/backend/bf16.js';
import { openDevice, probeBackends } from '../../src/backend/choose.js';
import { roundF16 } from '../../src/backend/f16.js';
import { asFloat32 } from '../../src/backend/weightValues.js';
import { PlanBuilder } from '../../src/plan/builder.js';
import { DTYPES, widenToFloat32 } from '../../src/weights/dtypes.js';
import { Random } from '../support/random.js';
import { runPlan } from '../support/runPlan.js';

const [ROWS, IN, OUT] = [5, 37, 29];

function linear() {
  const b = new PlanBuilder('linear');
  const x = b.input('x', ROWS, IN);
  const [weight, bias] = [b.weight('w', OUT, IN), b.weight('b', 1, OUT)];
  b.append({ op: 'linear', x, weight, bias, epilogue: 'none', out: b.output('out', ROWS, OUT) });
  return b.build();
}

/** The upper bits of values that are bfloat16 numbers already. */
function bf16Of(values: Float32Array): Uint16Array {
  return Uint16Array.from(new Uint32Array(values.slice().buffer), (bits) => bits >>> 16);
}

test('every 16-bit number widens as when a file is read as float32', () => {
  const bits = Uint16Array.from({ length: 65536 }, (_, i) => i);
  const bytes = new Uint8Array(bits.buffer);
  for (const [type, dtype] of [
    ['bf16', 'BF16'],
    ['f16', 'F16'],
  ] as const) {
    assert.ok(DTYPES.includes(dtype));
    const widened = new Uint32Array(asFloat32({ type, bits }).buffer);
    assert.deepEqual(widened, new Uint32Array(widenToFloat32(dtype, bytes).buffer), type);
  }
});

for (const { name, available, detail } of await probeBackends())
  describe(`weights on ${name}`, { skip: !available && detail }, () => {
    const run = async (source: WeightSource) => {
      const device = await openDevice(name, { threads: 2, weights: 'f32' });
      const x = new Random(3).normals(ROWS * IN);
      const outputs = await runPlan(device, linear(), source, { x });
      await device.dispose();
      return outputs.get('out')!;
    };

    test('bf16 and f16 give the bits of their float32 values, at once and as promises', async () => {
      const exact = { w: new Random(1).normals(OUT * IN), b: new Random(2).normals(OUT) };
      for (const [type, round] of [
        ['bf16', roundBf16],
        ['f16', roundF16],
      ] as const) {
        const rounded = { w: exact.w.map(round), b: exact.b.map(round) };
        const valuesOf = (tensor: string) => rounded[tensor as 'w' | 'b'];
        const expected = await run({ read: valuesOf });
        const stored = (tensor: string): WeightValues => ({ type, bits: bitsOf(type, valuesOf(tensor)) });
        assert.deepEqual(await run({ read: stored }), expected, type);
        assert.deepEqual(
          await run({ read: async (tensor) => stored(tensor) }),
          expected,
          `${type}, promised`,
        );
      }
    });

    test('a promise that is rejected rejects the plan, and so do too few values', async () => {
      const gone = new Error('the file is gone');
      await assert.rejects(run({ read: () => Promise.reject(gone) }), (error) => error === gone);
      await assert.rejects(
        run({ read: () => ({ type: 'bf16', bits: new Uint16Array(7) }) }),
        /weight '[wb]' has 7 values; the plan expects (29 x 37|1 x 29)/,
      );
    });

    test('plans that are compiled at once read a tensor once', async () => {
      const device = await openDevice(name, { threads: 1, weights: 'f32' });
      const reads: string[] = [];
      const weights = device.loadWeights({
        read: async (tensor) => {
          reads.push(tensor);
          await new Promise((resolve) => setImmediate(resolve));
          return new Float32Array(tensor === 'w' ? OUT * IN : OUT);
        },
      });
      const tensors = new Map([
        ['x', device.allocate(ROWS, IN)],
        ['out', device.allocate(ROWS, OUT)],
      ]);
      await Promise.all([1, 2, 3].map(() => device.compile(linear(), { weights, tensors })));
      assert.deepEqual(reads.sort(), ['b', 'w']);
      await device.dispose();
    });
  });

function bitsOf(type: 'bf16' | 'f16', values: Float32Array): Uint16Array {
  if (type === 'bf16') return bf16Of(values);
  return Uint16Array.from(values, (value) => {
    const all = f16Bits();
    return all.get(value)!;
  });
}

let known: Map<number, number> | undefined;

/** The bits of every float16 number, by its value. */
function f16Bits(): Map<number, number> {
  if (known) return known;
  const bits = Uint16Array.from({ length: 65536 }, (_, i) => i);
  known = new Map([...widenToFloat32('F16', new Uint8Array(bits.buffer))].map((value, i) => [value, i]));
  return known;
}
