/** What a page loads to draw digits: few bytes, and nothing of what only other models and runs need. */
import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { startWebServer, type WebServer } from '../../src/cli/webServer.js';
import { noChromium } from '../support/chromium.js';
import { PAGE_SCRIPTS, scriptsOf } from '../support/scriptsOf.js';
import { openContext, publishedSite } from './shared.js';
import { noEsbuild, type Site } from './site.js';

const MOST_SCRIPT_BYTES = 200_000;
const MOST_KERNEL_BYTES = 100_000;

describe('what a page of digits loads', { skip: noEsbuild }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'incache-size-'));
  let site: Site;
  let scripts: string[];
  before(async () => {
    site = await publishedSite();
    scripts = scriptsOf(site.folder, PAGE_SCRIPTS);
  });
  after(() => rmSync(folder, { recursive: true }));

  test('has a size that it does not exceed', () => {
    const size = (name: string) => statSync(join(site.folder, name)).size;
    const bytes = scripts.reduce((sum, name) => sum + size(name), 0);
    assert.ok(bytes > 100_000, `${bytes} bytes of scripts cannot be all`);
    assert.ok(bytes < MOST_SCRIPT_BYTES, `${bytes} bytes of scripts`);
    for (const name of readdirSync(site.folder).filter((name) => name.endsWith('.wasm')))
      assert.ok(size(name) < MOST_KERNEL_BYTES, `${name}: ${size(name)} bytes`);
  });

  test('is enough', { skip: noChromium }, async () => {
    for (const name of [...scripts, 'page.html', 'relaxed-shared.wasm', 'simd-shared.wasm'])
      copyFileSync(join(site.folder, name), join(folder, name));
    const server: WebServer = await startWebServer({
      port: 0,
      isolated: true,
      folders: { '/incache/': folder },
    });
    const browser = await openContext();
    try {
      const page = await browser.page();
      await page.goto(`${server.address}incache/page.html`);
      await page.until('window.incache');
      const png = await page.evaluate<number[]>(`(async () => {
        const pipeline = await incache.openPipeline(undefined, { threads: 2 });
        const { images } = await pipeline.generate({ labels: [3, 7], steps: 3 });
        await pipeline.dispose();
        return [...images[1].toPng().subarray(1, 4)];
      })()`);
      assert.equal(String.fromCharCode(...png), 'PNG');
      assert.deepEqual(page.messages, []);
    } finally {
      await browser.close();
      await server.close();
    }
  });
});
