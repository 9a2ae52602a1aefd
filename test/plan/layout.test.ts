import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ALIGNMENT, alignedBytes, layoutTemporaries } from '../../src/plan/layout.js';
import type { BufferType, Plan, PlanBuffer, View } from '../../src/plan/types.js';
import { allPlans } from '../support/plans.js';

/** A chain of additions over random temporaries: which buffer each reads and writes. */
const randomPlan = fc
  .record({
    sizes: fc.array(
      fc.tuple(
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 40 }),
        fc.constantFrom('f32' as const, 'bf16' as const),
      ),
      { minLength: 2, maxLength: 12 },
    ),
    steps: fc.array(fc.tuple(fc.nat(), fc.nat(), fc.nat()), { minLength: 1, maxLength: 25 }),
  })
  .map(({ sizes, steps }): Plan => {
    const buffers = sizes.map(([rows, columns, type], i) => ({
      name: `t${i}`,
      role: 'temporary' as const,
      type,
      rows,
      columns,
    }));
    const view = (place: number): View => {
      const buffer = place % buffers.length;
      return { buffer, row: 0, rows: 1, column: 0, columns: 1 };
    };
    return {
      name: 'random',
      buffers,
      ops: steps.map(([x, y, out]) => ({
        layer: '',
        op: { op: 'add', x: view(x), y: view(y), out: view(out) },
      })),
    };
  });

/** No two temporaries that are alive at the same operation share a byte; the arena is their reach. */
function check(plan: Plan): void {
  const { offsets, arenaBytes, sumBytes } = layoutTemporaries(plan);
  const lives = new Map<number, [number, number]>();
  for (const [step, { op }] of plan.ops.entries())
    for (const field of Object.values(op).flat(2) as unknown[])
      for (const view of typeof field === 'object' && field !== null
        ? 'buffer' in field
          ? [field]
          : Object.values(field)
        : []) {
        const { buffer } = view as View;
        if (plan.buffers[buffer]!.role !== 'temporary') continue;
        lives.set(buffer, [lives.get(buffer)?.[0] ?? step, step]);
      }
  const ids = [...lives.keys()];
  const bytes = ids.map((id) => alignedBytes(plan.buffers[id]!));
  assert.deepEqual(
    offsets.flatMap((offset, id) => (offset === undefined ? [] : [id])),
    [...ids].sort((a, b) => a - b),
  );
  assert.equal(
    sumBytes,
    bytes.reduce((a, b) => a + b, 0),
  );
  assert.equal(arenaBytes, Math.max(0, ...ids.map((id, i) => offsets[id]! + bytes[i]!)));
  for (const [i, a] of ids.entries()) {
    assert.equal(offsets[a]! % ALIGNMENT, 0);
    for (const [j, b] of ids.entries()) {
      if (j <= i) continue;
      const [[firstA, lastA], [firstB, lastB]] = [lives.get(a)!, lives.get(b)!];
      const together = firstA <= lastB && firstB <= lastA;
      const touching = offsets[a]! < offsets[b]! + bytes[j]! && offsets[b]! < offsets[a]! + bytes[i]!;
      assert.ok(!(together && touching), `buffers ${a} and ${b} share bytes while both are alive`);
    }
  }
}

test('a buffer takes the bytes of its elements, to a whole cache line', () => {
  const bytes = (type: BufferType) =>
    alignedBytes({ name: 't', role: 'temporary', type, rows: 3, columns: 33 });
  assert.deepEqual([bytes('f32'), bytes('bf16'), bytes('i32')], [448, 256, 448]);
});

test('temporaries that live together do not overlap, whatever the plan', () => {
  fc.assert(fc.property(randomPlan, check), { numRuns: 500 });
});

test('nor in the plans of the model, whose arena is smaller than the sum', () => {
  for (const plan of allPlans()) {
    check(plan);
    const { arenaBytes, sumBytes } = layoutTemporaries(plan);
    assert.ok(arenaBytes <= sumBytes);
  }
});

test('a plan of 20,000 blocks is laid out in time that grows with its length', () => {
  const widths = [64, 192, 64, 64, 256];
  const buffers: PlanBuffer[] = [];
  const temporary = (columns: number): View => {
    buffers.push({ name: `t${buffers.length}`, role: 'temporary', type: 'f32', rows: 4, columns });
    return { buffer: buffers.length - 1, row: 0, rows: 4, column: 0, columns };
  };
  const stream = temporary(64);
  const ops: Plan['ops'][number][] = [];
  for (let block = 0; block < 20_000; block++) {
    let x = stream;
    for (const out of [...widths.map(temporary), stream]) {
      ops.push({ layer: '', op: { op: 'silu', x, out } });
      x = out;
    }
  }
  // Beside the stream two neighbours are alive at once; they take turns at the same two places.
  const { arenaBytes, sumBytes } = layoutTemporaries({ name: 'deep', buffers, ops });
  assert.equal(arenaBytes, 16 * (64 + 64 + 256));
  assert.equal(sumBytes, 16 * (64 + 20_000 * widths.reduce((a, b) => a + b)));
});
