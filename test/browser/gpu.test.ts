/**
 * The gpu backend in Chromium, on the software adapter that it brings: every operation, and what it says where there
 * is none.
 */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { FUSIBLE } from '../../src/backend/gpu/forms.js';
import { OP_NAMES } from '../../src/plan/schema.js';
import { Chromium, noChromium } from '../support/chromium.js';
import type { GpuRequest, GpuResult } from './gpuWorker.js';
import { openContext, siteWithWorkers } from './shared.js';
import { noEsbuild, type Site } from './site.js';

/** WebGPU by SwiftShader. */
const SOFTWARE_ADAPTER = [
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--enable-unsafe-swiftshader',
];

const PRODUCTS = ['linear', 'calibratedLinear', 'calibratedMlp', 'attention', 'convolution'] as const;

describe('gpu in a browser', { skip: noChromium || noEsbuild }, () => {
  let site: Site;
  before(async () => {
    site = await siteWithWorkers();
  });

  async function ask(chromium: Chromium, request: GpuRequest): Promise<GpuResult> {
    const page = await chromium.page();
    await page.goto(`${site.plain.address}test/index.html`);
    const result = await page.evaluate<GpuResult>(`new Promise((resolve, reject) => {
      const worker = new Worker('./gpuWorker.js', { type: 'module' });
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = ({ message }) => reject(new Error(message));
      worker.postMessage(${JSON.stringify(request)});
    })`);
    await page.close();
    return result;
  }

  test('conformance', async (t) => {
    const chromium = await Chromium.launch(SOFTWARE_ADAPTER);
    try {
      const result = await ask(chromium, { forms: { products: 'registers', fused: [] }, runs: 8 });
      if (result.cases === 0) return t.skip(result.adapter);
      assert.match(result.adapter, /^software adapter, no GPU: /);
      assert.deepEqual(result.failures, []);
      assert.equal(result.cases, 8 * OP_NAMES.length);
      // A software adapter takes seconds to compile a kernel with barriers.
      for (const [forms, ops, runs] of [
        [{ products: 'translated', fused: [] }, PRODUCTS, 8],
        [{ products: 'registers', fused: FUSIBLE }, FUSIBLE, 1],
      ] as const)
        assert.deepEqual(await ask(chromium, { forms, runs, ops }), {
          adapter: result.adapter,
          cases: runs * ops.length,
          failures: [],
        });
    } finally {
      await chromium.close();
    }
  });

  test('without an adapter the backend says so, and the others serve', async () => {
    const browser = await openContext();
    try {
      const page = await browser.page();
      await page.goto(`${site.isolated.address}test/index.html`);
      const refusal = await page.evaluate<string>(
        "incache.openDevice('gpu').then(() => 'opened', (error) => error.message)",
      );
      assert.match(refusal, /^backend is 'gpu'; expected one of wasm \('gpu' is absent: .*no adapter/);
      assert.equal(await page.evaluate('incache.openDevice().then((device) => device.backend)'), 'wasm');
    } finally {
      await browser.close();
    }
  });
});
