/**
 * Every operation on the gpu backend against float64: by the kernels that gpu.js translated, and products by those in
 * WGSL, one after another and fused.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Device } from '../../src/backend/backend.js';
import { openDevice } from '../../src/backend/choose.js';
import type { GpuDevice } from '../../src/backend/gpu/device.js';
import { describeForms, FUSIBLE, type KernelForms } from '../../src/backend/gpu/forms.js';
import { OP_NAMES } from '../../src/plan/schema.js';
import type { OpName } from '../../src/plan/types.js';
import { CASES } from '../conformance/cases.js';
import { compare } from '../conformance/compare.js';
import { runCase } from '../conformance/run.js';
import { assertClose } from '../support/compare.js';
import { DEPTHS, deepProduct } from '../support/deepProduct.js';
import { noAdapter, openTestDevice } from '../support/gpuAdapter.js';
import { highRankCases } from '../support/highRanks.js';
import { Random } from '../support/random.js';

/** Operations that have kernels by hand. */
const PRODUCTS: readonly OpName[] = [
  'linear',
  'calibratedLinear',
  'calibratedMlp',
  'attention',
  'convolution',
];

interface Suite extends KernelForms {
  readonly ops: readonly OpName[];
  /** Cases of each. A software adapter takes seconds to compile a kernel with barriers. */
  readonly runs: number;
}

const SUITES: readonly Suite[] = [
  { products: 'translated', fused: [], ops: OP_NAMES, runs: 12 },
  { products: 'registers', fused: [], ops: PRODUCTS, runs: 12 },
  { products: 'workgroup', fused: [], ops: PRODUCTS, runs: 3 },
  { products: 'registers', fused: FUSIBLE, ops: FUSIBLE, runs: 2 },
];

for (const { ops, runs, ...forms } of SUITES)
  describe(`conformance of gpu, ${describeForms(forms)}`, { skip: noAdapter }, () => {
    let device: GpuDevice;
    let oracle: Device;
    before(async () => {
      device = await openTestDevice(forms);
      oracle = await openDevice('reference');
    });
    after(async () => {
      await device.dispose();
      await oracle.dispose();
    });

    for (const op of ops)
      test(op, async () => {
        for (let seed = 1; seed <= runs; seed++) {
          const testCase = CASES[op](new Random(seed));
          compare(testCase, await runCase(device, testCase), await runCase(oracle, testCase));
        }
      });

    for (const depth of DEPTHS)
      test(`a product of ${depth} terms has all of them`, async () =>
        assertClose(await deepProduct(device, depth), await deepProduct(oracle, depth), 2e-6, 'out'));

    if (forms.fused.length > 0)
      test('ranks that take several passes, or do not fit', async () => {
        for (const testCase of highRankCases())
          compare(testCase, await runCase(device, testCase), await runCase(oracle, testCase));
      });

    test('nothing is left on the device', () => {
      assert.equal(device.memoryInUse, device.constants.buffer!.size);
    });
  });
