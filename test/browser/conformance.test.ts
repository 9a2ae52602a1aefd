/** Every operation in a page of Chromium, on one and two threads, with and without shared memory. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { OP_NAMES } from '../../src/plan/schema.js';
import { type Context, noChromium } from '../support/chromium.js';
import type { ConformanceResult } from './conformanceWorker.js';
import { openContext, siteWithWorkers } from './shared.js';
import { noEsbuild, type Site } from './site.js';

describe('conformance in a browser', { skip: noChromium || noEsbuild }, () => {
  let site: Site;
  let browser: Context;
  before(async () => {
    site = await siteWithWorkers();
    browser = await openContext();
  });
  after(() => browser?.close());

  // One thread has the same build and does the same, whether it might share memory or not: once in full.
  for (const [server, threads, runs] of [
    ['isolated', 1, 5],
    ['isolated', 2, 40],
    ['plain', 1, 40],
  ] as const)
    test(`${threads} threads, ${server === 'plain' ? 'not ' : ''}cross-origin isolated`, async () => {
      const page = await browser.page();
      await page.goto(`${site[server].address}test/index.html`);
      assert.equal(await page.evaluate('crossOriginIsolated'), server === 'isolated');
      const result = await page.evaluate<ConformanceResult>(`new Promise((resolve, reject) => {
        const worker = new Worker('./conformanceWorker.js', { type: 'module' });
        worker.onmessage = ({ data }) => resolve(data);
        worker.onerror = ({ message }) => reject(new Error(message));
        worker.postMessage(${JSON.stringify({ threads, runs })});
      })`);
      assert.deepEqual(result, { threads, cases: runs * OP_NAMES.length, failures: [] });
      await page.close();
    });
});
