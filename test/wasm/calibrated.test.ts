/** Identities of calibrated linears and MLPs that hold to the bit. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openWasmDevice } from '../../src/backend/wasm/device.js';
import type { Plan } from '../../src/plan/types.js';
import { type Given, unchangedLinear, unchangedMlp } from '../support/unchangedPlans.js';
import { bind } from './block.js';

const given: Given = (b, name, rows, columns) => b.input(name, rows, columns);

test('input form: where x is C(x), out is C(y) to the bit', () =>
  assertUnchanged(unchangedLinear('input', given), 'f32'));

for (const weights of ['f32', 'int8'] as const)
  test(`rank form, ${weights}: where h is what linear made of x, out is C(y) to the bit`, () =>
    assertUnchanged(unchangedLinear('rank', given), weights));

for (const form of ['input', 'rank'] as const)
  test(`an MLP, ${form} form: where x has not changed, out is C(y) to the bit`, () =>
    assertUnchanged(unchangedMlp(form, given), 'f32'));

async function assertUnchanged(plan: Plan, weights: 'f32' | 'int8'): Promise<void> {
  const device = await openWasmDevice({ threads: 2, weights });
  const bound = await bind(device, plan);
  await bound.run();
  assert.deepEqual(await bound.tensors.get('out')!.read(), await bound.tensors.get('y')!.read());
  await device.dispose();
}
