/** One tensor under several names of a plan: refused on every backend where the plan would mean something else. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { openDevice, probeBackends } from '../../src/backend/choose.js';
import type { Op, Plan, View } from '../../src/plan/types.js';

const N = 9;
const view = (buffer: number, part: Partial<View> = {}): View => ({
  buffer,
  row: 0,
  rows: N,
  column: 0,
  columns: N,
  ...part,
});
const [x, w, out] = [0, 1, 2].map((buffer) => view(buffer)) as [View, View, View];

/** x and out are states of the same size. */
const planOf = (...ops: Op[]): Plan => ({
  name: 'shared',
  buffers: [
    { name: 'x', role: 'state', type: 'f32', rows: N, columns: N },
    { name: 'w', role: 'weight', type: 'f32', rows: N, columns: N },
    { name: 'out', role: 'state', type: 'f32', rows: N, columns: N },
  ],
  ops: ops.map((op) => ({ layer: '', op })),
});
const LINEAR: Op = { op: 'linear', x, weight: w, epilogue: 'none', out };
const top = { rows: 4 };
const bottom = { row: 4, rows: 4 };

const refused: [string, Plan, number][] = [
  ['a product in place', planOf(LINEAR), 0],
  [
    'an element-wise operation on another place',
    planOf({ op: 'silu', x: view(0, { rows: 4 }), out: view(2, { row: 2, rows: 4 }) }),
    0,
  ],
  [
    'a value that is read after the other name was written',
    planOf({ op: 'silu', x, out }, { op: 'add', x: out, y: x, out }),
    1,
  ],
  ['two names that are written', planOf({ op: 'silu', x: w, out }, { op: 'gelu', x: w, out: x }), 1],
];
const allowed: [string, Plan][] = [
  ['an element-wise operation in place', planOf({ op: 'silu', x, out })],
  [
    'parts that do not meet',
    planOf({
      op: 'secondMoment',
      x: view(0, { ...top, columns: 4 }),
      out: view(2, { ...bottom, columns: 4 }),
    }),
  ],
];

/** What `out` holds after a run, with the same tensor bound to x and out or with two that begin alike. */
async function run(backend: string, plan: Plan, names: 'shared' | 'apart'): Promise<number[]> {
  const device = await openDevice(backend, { threads: 1, weights: 'f32' });
  try {
    const tensor = async () => {
      const made = device.allocate(N, N);
      await made.write(Float32Array.from({ length: N * N }, (_, i) => i / N));
      return made;
    };
    const weights = device.loadWeights({ read: () => new Float32Array(N * N).fill(1) });
    const out = await tensor();
    const x = names === 'shared' ? out : await tensor();
    const tensors = new Map(Object.entries({ x, out }));
    await (await device.compile(plan, { weights, tensors })).run();
    return [...(await out.read())];
  } finally {
    await device.dispose();
  }
}

for (const { name, available, detail } of await probeBackends())
  describe(`aliased-bindings: one tensor as x and out, on ${name}`, { skip: !available && detail }, () => {
    for (const [what, plan, place] of refused)
      test(`refuses ${what}`, () =>
        assert.rejects(run(name, plan, 'shared'), (error: Error) => {
          const both = /^one tensor is bound to '(x|out)', which is written, and to '(x|out)' \(op (\d)/;
          const [, written, other, op] = both.exec(error.message) ?? [];
          assert.deepEqual([[written, other].sort(), op], [['out', 'x'], String(place)], error.message);
          return true;
        }));
    for (const [what, plan] of allowed)
      test(`takes ${what}`, async () =>
        assert.deepEqual(await run(name, plan, 'shared'), await run(name, plan, 'apart')));
  });
