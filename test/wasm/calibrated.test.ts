/** Identities of calibrated linears and MLPs that hold to the bit. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openWasmDevice } from '../../src/backend/wasm/device.js';
import { PlanBuilder, sliceColumns } from '../../src/plan/builder.js';
import type { Plan } from '../../src/plan/types.js';
import { bind } from './block.js';

const [ROWS, INPUTS, OUTPUTS] = [43, 131, 101];

test('input form: where x is C(x), out is C(y) to the bit', async () => {
  const b = new PlanBuilder('unchanged');
  const x = b.input('x', ROWS, INPUTS);
  b.append({
    op: 'calibratedLinear',
    x,
    cachedInput: x,
    cachedOutput: b.input('y', ROWS, OUTPUTS),
    factors: [{ down: b.weight('down', 9, INPUTS), up: b.weight('up', OUTPUTS, 9) }],
    epilogue: 'none',
    out: b.output('out', ROWS, OUTPUTS),
  });
  await assertUnchanged(b.build(), 'f32');
});

for (const weights of ['f32', 'int8'] as const)
  test(`rank form, ${weights}: where h is what linear made of x, out is C(y) to the bit`, async () => {
    const b = new PlanBuilder('unchanged');
    const x = b.input('x', ROWS, INPUTS);
    const ranks = [65, 70];
    const hidden = b.state('h', ROWS, 135);
    const downs = ranks.map((rank, i) => b.weight(`down${i}`, rank, INPUTS));
    for (const [i, weight] of downs.entries()) {
      const out = sliceColumns(hidden, i * 65, ranks[i]!);
      b.append({ op: 'linear', x, weight, epilogue: 'none', out });
    }
    b.append({
      op: 'calibratedLinear',
      x,
      cachedHidden: hidden,
      cachedOutput: b.input('y', ROWS, OUTPUTS),
      factors: [
        { down: downs[0]!, up: b.weight('up0', 60, 65) },
        { down: downs[1]!, up: b.weight('up1', 41, 70) },
      ],
      epilogue: 'none',
      out: b.output('out', ROWS, OUTPUTS),
    });
    await assertUnchanged(b.build(), weights);
  });

for (const form of ['input', 'rank'] as const)
  test(`an MLP, ${form} form: where x has not changed, out is C(y) to the bit`, async () => {
    const b = new PlanBuilder('unchanged');
    const x = b.input('x', ROWS, INPUTS);
    const down = b.weight('down1', 9, INPUTS);
    const hidden = b.state('h', ROWS, 9);
    if (form === 'rank') b.append({ op: 'linear', x, weight: down, epilogue: 'none', out: hidden });
    b.append({
      op: 'calibratedMlp',
      x,
      ...(form === 'input' ? { cachedInput: x } : { cachedHidden: hidden }),
      cachedPreActivation: b.input('y1', ROWS, 700),
      cachedOutput: b.input('y', ROWS, OUTPUTS),
      factors: [
        { down, up: b.weight('up1', 700, 9) },
        { down: b.weight('down2', 7, 700), up: b.weight('up2', OUTPUTS, 7) },
      ],
      epilogue: 'none',
      out: b.output('out', ROWS, OUTPUTS),
    });
    await assertUnchanged(b.build(), 'f32');
  });

async function assertUnchanged(plan: Plan, weights: 'f32' | 'int8'): Promise<void> {
  const device = await openWasmDevice({ threads: 2, weights });
  const bound = await bind(device, plan);
  await bound.run();
  assert.deepEqual(bound.tensors.get('out')!.read(), bound.tensors.get('y')!.read());
  await device.dispose();
}
