/** Values far from 1, all finite: a backend in float32 gives what float64 gives, as long as the result is a float32. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { DeviceTensor } from '../../src/backend/backend.js';
import { backends, openDevice } from '../../src/backend/choose.js';
import { PlanBuilder } from '../../src/plan/builder.js';
import type { Plan, View } from '../../src/plan/types.js';
import { Random } from '../support/random.js';

const ROWS = 5;
const COLUMNS = 37;

type Append = (b: PlanBuilder, x: View, out: View) => void;

/** Operations with sums of squares or exponentials inside, and up to which size of x. */
const CASES: Record<string, { append: Append; sizes: readonly number[]; rows?: number; columns?: number }> = {
  layerNormModulate: {
    sizes: [1e10, 1e18, 1e20, 1e30, 1e38],
    append(b, x, out) {
      const [shift, scale] = [b.input('shift', 1, COLUMNS), b.input('scale', 1, COLUMNS)];
      b.append({ op: 'layerNormModulate', x, shift, scale, epsilon: 1e-6, out });
    },
  },
  gelu: { sizes: [1e10, 1e20, 1e38], append: (b, x, out) => b.append({ op: 'gelu', x, out }) },
  silu: { sizes: [1e10, 1e20, 1e38], append: (b, x, out) => b.append({ op: 'silu', x, out }) },
  attention: {
    sizes: [1e3, 1e5, 1e10, 1e18],
    append(b, x, out) {
      const lengths = { queryLength: ROWS, keyLength: ROWS, scale: 0.1 };
      b.append({ op: 'attention', q: x, k: x, v: x, heads: 1, ...lengths, out });
    },
  },
  relativeDistance: {
    sizes: [1e10, 1e20, 1e38],
    rows: 1,
    columns: 1,
    append(b, x, out) {
      b.append({ op: 'relativeDistance', x, previous: b.input('previous', ROWS, COLUMNS), norm: 2, out });
    },
  },
  channelStatistics: {
    sizes: [1e10, 1e20, 1e38],
    rows: 1,
    append: (b, x, out) => b.append({ op: 'channelStatistics', x, out }),
  },
};

function planOf({ append, rows = ROWS, columns = COLUMNS }: (typeof CASES)[string]): Plan {
  const b = new PlanBuilder('large');
  append(b, b.input('x', ROWS, COLUMNS), b.output('out', rows, columns));
  return b.build();
}

async function run(backend: string, plan: Plan, size: number): Promise<Float32Array> {
  const device = await openDevice(backend, { threads: 1 });
  const random = new Random(11);
  const weights = device.loadWeights({ read: () => new Float32Array() });
  const tensors = new Map<string, DeviceTensor>();
  for (const { name, role, rows, columns } of plan.buffers) {
    if (role === 'temporary') continue;
    const tensor = device.allocate(rows, columns);
    const large = name === 'x' || name === 'previous' ? size : 1;
    // Within -1 and 1, times the size.
    await tensor.write(random.normals(rows * columns, 1).map((value) => Math.tanh(value) * large));
    tensors.set(name, tensor);
  }
  await (await device.compile(plan, { weights, tensors })).run();
  const out = (await tensors.get('out')!.read()) as Float32Array;
  await device.dispose();
  return out;
}

for (const { name, available, detail } of backends().filter(({ name }) => ['native', 'wasm'].includes(name)))
  describe(`black-images: large values on ${name}`, { skip: !available && detail }, () => {
    for (const [op, { sizes, ...shape }] of Object.entries(CASES))
      for (const size of sizes)
        test(`${op} of ${size}`, async () => {
          const plan = planOf({ sizes, ...shape });
          const expected = await run('reference', plan, size);
          const out = await run(name, plan, size);
          assert.ok(expected.every(Number.isFinite), 'the case has a result');
          const peak = Math.max(...expected.map(Math.abs));
          for (const [i, value] of out.entries())
            assert.ok(
              Math.abs(value - expected[i]!) <= 1e-4 * peak,
              `${i}: ${value}, expected ${expected[i]}`,
            );
        });
  });
