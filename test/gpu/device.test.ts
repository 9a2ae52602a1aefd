/** What a device of the gpu backend is besides its kernels: memory, loss, refusals, the choice among its forms. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { openDevice } from '../../src/backend/choose.js';
import { fastestForms } from '../../src/backend/gpu/choose.js';
import { FUSIBLE } from '../../src/backend/gpu/forms.js';
import { noAdapter, openTestDevice } from '../support/gpuAdapter.js';
import { CHANNELS, openTwoProducts as open, ROWS } from '../support/twoProducts.js';

describe('a gpu device', { skip: noAdapter }, () => {
  test('1,000 runs take no more memory', async () => {
    const device = await openTestDevice();
    const { weights, tensors, executable } = await open(device);
    await tensors.get('x')!.write(new Float32Array(ROWS * CHANNELS).fill(1));
    const before = device.memoryInUse;
    for (let i = 0; i < 1000; i++) {
      await executable.run();
      if (i % 100 === 0) await tensors.get('out')!.read();
      assert.equal(device.memoryInUse, before);
    }
    executable.dispose();
    weights.dispose();
    for (const tensor of tensors.values()) tensor.dispose();
    assert.equal(device.memoryInUse, device.constants.buffer!.size);
    await device.dispose();
  });

  test('an index beyond its table is refused before the run', async () => {
    const device = await openTestDevice();
    const { tensors, executable } = await open(device);
    for (const bad of [ROWS, -1]) {
      await tensors.get('index')!.write(Int32Array.of(0, 1, bad, 0, 0));
      await assert.rejects(() => executable.run(), {
        name: 'IncacheError',
        message: `gatherRows: index 2 is ${bad}; expected a row from 0 to ${ROWS - 1}`,
      });
    }
    await tensors.get('index')!.write(Int32Array.of(0, 1, 2, 0, 0));
    await executable.run();
    await device.dispose();
  });

  test('a device that is lost says so, and nothing waits for it', async () => {
    const device = await openTestDevice();
    const { tensors, executable } = await open(device);
    await executable.run();
    device.device.destroy();
    const lost = { name: 'IncacheError', message: /^the gpu device was lost \(.*\); open it again$/ };
    await assert.rejects(async () => {
      for (;;) await executable.run();
    }, lost);
    await assert.rejects(async () => tensors.get('out')!.read(), lost);
    assert.throws(() => device.allocate(1, 1), lost);
    await device.dispose();
  });

  test('types that it does not have are refused', async () => {
    const device = await openTestDevice();
    assert.throws(() => device.allocate(2, 2, 'bf16'), /^ArgumentError: type is 'bf16'; expected .*f32/);
    await assert.rejects(() => openDevice('gpu', { weights: 'int8' }), /weights is 'int8'; expected .*f32/);
    await device.dispose();
  });

  test('the forms of kernels are the fastest of those that were measured', async () => {
    const device = await openTestDevice();
    const before = device.memoryInUse;
    const { products, fused } = await fastestForms(device, 16);
    assert.match(products, /^(registers|workgroup)$/);
    assert.deepEqual(
      fused,
      FUSIBLE.filter((op) => fused.includes(op)),
    );
    assert.equal(device.memoryInUse, before);
    await device.dispose();
  });

  test('a software adapter is called one', async () => {
    const device = await openTestDevice();
    const { probeBackends } = await import('../../src/backend/choose.js');
    const { detail } = (await probeBackends()).find(({ name }) => name === 'gpu')!;
    assert.equal(device.arithmetic, `f32 registers, ${detail}`);
    assert.match(detail, /swiftshader|llvmpipe/i.test(detail) ? /^software adapter, no GPU: / : /^GPU: /);
    assert.notEqual((await openDevice()).backend, 'gpu');
    await device.dispose();
  });
});
