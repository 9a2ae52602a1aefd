/** Backend gpu where there is none: each way to lack it has a sentence, and the other backends serve. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { afterEach, describe, test } from 'node:test';
import { openDevice, probeBackends } from '../../src/backend/choose.js';
import * as browser from '../../src/platform/browser/gpu.js';

const own = Object.getOwnPropertyDescriptor(globalThis, 'navigator');

/** What the process has for `navigator.gpu` from now on. */
function setGpu(gpu: object | undefined): void {
  Object.defineProperty(globalThis, 'navigator', { value: { gpu }, configurable: true });
}

const adapter = (requestDevice: () => Promise<unknown>) => ({
  info: { vendor: 'maker', architecture: 'chip', device: '', description: '' },
  limits: { maxBufferSize: 2 ** 28, maxStorageBufferBindingSize: 2 ** 27 },
  requestDevice,
});

describe('without a GPU', () => {
  afterEach(() => {
    if (own) Object.defineProperty(globalThis, 'navigator', own);
    else delete (globalThis as { navigator?: object }).navigator;
  });

  const fails = async () => {
    throw new Error('the driver is too old\nand more');
  };
  for (const [what, requestAdapter, says] of [
    [
      'no adapter',
      async () => null,
      'WebGPU is there, but no adapter: no GPU with a driver for it was found',
    ],
    ['an adapter that fails', fails, 'WebGPU gave no adapter: the driver is too old'],
  ] as const)
    test(what, async () => {
      setGpu({ requestAdapter });
      const status = (await probeBackends()).find(({ name }) => name === 'gpu')!;
      assert.deepEqual(status, { name: 'gpu', available: false, detail: says });
      await assert.rejects(() => openDevice('gpu'), {
        name: 'ArgumentError',
        message: new RegExp(`^backend is 'gpu'; expected one of .*\\('gpu' is absent: ${says}\\)$`),
      });
      const device = await openDevice();
      assert.notEqual(device.backend, 'gpu');
      await device.dispose();
    });

  test('an adapter without a device', async () => {
    setGpu({ requestAdapter: async () => adapter(fails) });
    const status = (await probeBackends()).find(({ name }) => name === 'gpu')!;
    assert.equal(status.detail, 'GPU: maker chip');
    await assert.rejects(() => openDevice('gpu'), {
      name: 'IncacheError',
      message: 'GPU: maker chip gave no device: the driver is too old',
    });
  });

  test('a browser without WebGPU', async () => {
    setGpu(undefined);
    assert.equal(await browser.findGpu(), 'this browser has no WebGPU, or the page is not served over HTTPS');
  });
});

test('what it needs in Node.js is not installed with incache', () => {
  const file = new URL('../../../package.json', import.meta.url);
  const { dependencies, optionalDependencies, peerDependenciesMeta } = JSON.parse(readFileSync(file, 'utf8'));
  const installed = Object.keys({ ...dependencies, ...optionalDependencies });
  assert.deepEqual(
    installed.filter((name) => /^(webgpu|gpu\.js|gl)$/.test(name)),
    [],
  );
  assert.deepEqual(peerDependenciesMeta.webgpu, { optional: true });
});
