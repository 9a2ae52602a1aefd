/**
 * Every operation on the gpu backend against float64: by the kernels that gpu.js translated, and products by those in
 * WGSL.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Device } from '../../src/backend/backend.js';
import { openDevice } from '../../src/backend/choose.js';
import type { GpuDevice } from '../../src/backend/gpu/device.js';
import type { ProductForm } from '../../src/backend/gpu/lowering.js';
import { OP_NAMES } from '../../src/plan/schema.js';
import type { OpName } from '../../src/plan/types.js';
import { CASES } from '../conformance/cases.js';
import { compare } from '../conformance/compare.js';
import { runCase } from '../conformance/run.js';
import { assertClose } from '../support/compare.js';
import { DEPTHS, deepProduct } from '../support/deepProduct.js';
import { noAdapter, openTestDevice } from '../support/gpuAdapter.js';
import { Random } from '../support/random.js';

/** Operations that have kernels by hand. */
const PRODUCTS: readonly OpName[] = [
  'linear',
  'calibratedLinear',
  'calibratedMlp',
  'attention',
  'convolution',
];

/** Cases of an operation by form. A software adapter takes seconds to compile a kernel with barriers. */
const RUNS: Readonly<Record<ProductForm, number>> = { translated: 12, registers: 12, workgroup: 3 };

for (const form of ['translated', 'registers', 'workgroup'] as const)
  describe(`conformance of gpu, products: ${form}`, { skip: noAdapter }, () => {
    let device: GpuDevice;
    let oracle: Device;
    before(async () => {
      device = await openTestDevice(form);
      oracle = await openDevice('reference');
    });
    after(async () => {
      await device.dispose();
      await oracle.dispose();
    });

    for (const op of form === 'translated' ? OP_NAMES : PRODUCTS)
      test(op, async () => {
        for (let seed = 1; seed <= RUNS[form]; seed++) {
          const testCase = CASES[op](new Random(seed));
          compare(testCase, await runCase(device, testCase), await runCase(oracle, testCase));
        }
      });

    for (const depth of DEPTHS)
      test(`a product of ${depth} terms has all of them`, async () =>
        assertClose(await deepProduct(device, depth), await deepProduct(oracle, depth), 2e-6, 'out'));

    test('nothing is left on the device', () => {
      assert.equal(device.memoryInUse, device.constants.buffer!.size);
    });
  });
