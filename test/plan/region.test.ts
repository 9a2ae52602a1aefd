import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { PlanError } from '../../src/errors.js';
import { Region } from '../../src/plan/region.js';
import type { Plan, View } from '../../src/plan/types.js';
import { validatePlan } from '../../src/plan/validate.js';

const SIDE = 7;
const rectangle = fc
  .tuple(fc.nat(SIDE - 1), fc.nat(SIDE - 1), fc.nat(SIDE - 1), fc.nat(SIDE - 1))
  .map(([a, b, c, d]) => ({
    row: Math.min(a, b),
    rows: Math.abs(a - b) + 1,
    column: Math.min(c, d),
    columns: Math.abs(c - d) + 1,
  }));
type Rectangle = Omit<View, 'buffer'>;

function* cells({ row, rows, column, columns }: Rectangle): Generator<number> {
  for (let i = row; i < row + rows; i++) for (let j = column; j < column + columns; j++) yield i * SIDE + j;
}

test('a region has what was added to it, and names a part that was not', () => {
  fc.assert(
    fc.property(fc.array(rectangle, { maxLength: 12 }), rectangle, (added, asked) => {
      const region = new Region();
      const has = new Set<number>();
      for (const view of added) {
        region.add(view);
        for (const cell of cells(view)) has.add(cell);
      }
      const absent = [...cells(asked)].filter((cell) => !has.has(cell));
      const missing = region.missing(asked);
      if (!missing) return assert.deepEqual(absent, []);
      assert.ok([...cells(missing)].every((cell) => absent.includes(cell)));
      assert.equal(missing.row * SIDE + missing.column, absent[0]);
    }),
    { numRuns: 1000 },
  );
});

const whole: View = { buffer: 1, row: 0, rows: 6, column: 0, columns: 5 };

/** Each view of a temporary is written in turn, then all of it is read. */
function planThatWrites(...written: Partial<View>[]): Plan {
  const x: View = { ...whole, buffer: 0 };
  const table = (name: string, role: 'input' | 'temporary' | 'output') =>
    ({ name, role, type: 'f32', rows: 6, columns: 5 }) as const;
  return {
    name: 'parts',
    buffers: [table('x', 'input'), table('t0', 'temporary'), table('out', 'output')],
    ops: [
      ...written.map((part) => ({
        layer: '',
        op: { op: 'silu', x: { ...x, ...part }, out: { ...whole, ...part } } as const,
      })),
      { layer: '', op: { op: 'gelu', x: whole, out: { ...whole, buffer: 2 } } as const },
    ],
  };
}

describe('unwritten-part: what is read has been written, to its last element', () => {
  test('in parts that together make it up', () => {
    validatePlan(planThatWrites({}));
    validatePlan(planThatWrites({ rows: 2 }, { row: 2, rows: 4 }));
    validatePlan(planThatWrites({ columns: 3 }, { column: 2, columns: 3 }));
    validatePlan(
      planThatWrites({ rows: 3, columns: 2 }, { column: 2, columns: 3 }, { row: 3, rows: 3, columns: 4 }),
    );
  });

  const refusals: [string, Partial<View>[], RegExp][] = [
    ['nothing', [], /x reads 't0' before it is written/],
    ['one column', [{ columns: 1 }], /x reads 't0' before rows 0 to 5 of columns 1 to 4 are written/],
    ['all but the last row', [{ rows: 5 }], /before rows 5 to 5 of columns 0 to 4 are written/],
    [
      'all but a hole',
      [{ rows: 2 }, { row: 3, rows: 3 }, { columns: 2 }, { column: 3, columns: 2 }],
      /before rows 2 to 2 of columns 2 to 2/,
    ],
  ];
  for (const [what, written, message] of refusals)
    test(`${what} is not enough`, () => {
      assert.throws(
        () => validatePlan(planThatWrites(...written)),
        (error: Error) => {
          assert.ok(error instanceof PlanError, String(error));
          assert.match(error.message, message);
          return true;
        },
      );
    });

  test('a buffer that is written in many parts takes no longer than its parts', () => {
    const rows = 20_000;
    const region = new Region();
    for (let row = 0; row < rows; row++) region.add({ row, rows: 1, column: 0, columns: 4 });
    assert.equal(region.missing({ row: 0, rows, column: 0, columns: 4 }), undefined);
    assert.deepEqual(region.missing({ row: 0, rows: rows + 1, column: 0, columns: 4 }), {
      row: rows,
      rows: 1,
      column: 0,
      columns: 4,
    });
  });
});
