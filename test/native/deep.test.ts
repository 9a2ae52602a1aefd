/** Linears whose depth takes more than one block, on every set of kernels and one thread, which has all panels in one task. */
import { afterEach, describe, test } from 'node:test';
import { openDevice } from '../../src/backend/choose.js';
import { PlanBuilder } from '../../src/plan/builder.js';
import { runCase } from '../conformance/run.js';
import { assertClose } from '../support/compare.js';
import { Random } from '../support/random.js';
import { SKIP } from './present.js';

const [ROWS, OUTPUTS] = [21, 70];

/** The plan with its values; what it writes is poisoned. */
function deepLinear(depth: number) {
  const random = new Random(depth);
  const b = new PlanBuilder('deep');
  const [x, weight] = [b.state('x', ROWS, depth), b.weight('weight', OUTPUTS, depth)];
  b.append({ op: 'linear', x, weight, epilogue: 'none', out: b.state('out', ROWS, OUTPUTS) });
  const values = new Map([
    ['x', random.normals(ROWS * depth)],
    ['weight', random.normals(OUTPUTS * depth)],
    ['out', new Float32Array(ROWS * OUTPUTS).fill(Number.NaN)],
  ]);
  return { plan: b.build(), values, tolerance: 0 };
}

describe('a linear deeper than a block', { skip: SKIP }, () => {
  const before = process.env.INCACHE_ISA;
  afterEach(() => {
    if (before === undefined) delete process.env.INCACHE_ISA;
    else process.env.INCACHE_ISA = before;
  });

  for (const instructionSet of ['amx', 'avx512bf16', 'avx512', 'avx2', 'portable'])
    for (const [weights, depth, tolerance] of [
      ['f32', 770, 1e-5],
      ['f32', 1153, 1e-5],
      ['f32', 2500, 1e-5],
      ['bf16', 2500, 2 ** -8],
    ] as const)
      test(`${instructionSet}, ${weights}, ${depth}`, async (t) => {
        process.env.INCACHE_ISA = instructionSet;
        const device = await openDevice('native', { threads: 1, weights });
        const oracle = await openDevice('reference');
        t.after(() => Promise.all([device.dispose(), oracle.dispose()]));
        const given = deepLinear(depth);
        const [actual, expected] = [await runCase(device, given), await runCase(oracle, given)];
        assertClose(actual.get('out')!, expected.get('out')!, tolerance, 'out');
      });
});
