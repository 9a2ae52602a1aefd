/**
 * The engine in Chromium: a block of DiT-S/2 beside onnxruntime-web in the same worker, what is downloaded, and how soon the page
 * of `examples/web` shows pictures. `npm run bench:browser`, or `-- --quick` for a look.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { medianRatio } from '../../src/bench/measure.js';
import { startWebServer } from '../../src/cli/webServer.js';
import { median } from '../../src/median.js';
import { Chromium } from '../../test/support/chromium.js';
import { PAGE_SCRIPTS, scriptsOf } from '../../test/support/scriptsOf.js';
import { saveJson } from '../results.js';
import { statisticsOf } from '../statistics.js';
import { answerHelp } from '../usage.js';
import { type BrowserRow, browserTable } from './row.js';
import type { BlockAnswer, BlockRequest } from './worker.js';

answerHelp(import.meta.url);

const MODEL = 'DiT-S/2';
const quick = process.argv.includes('--quick');
const root = new URL('../../../', import.meta.url);
const folder = mkdtempSync(join(tmpdir(), 'incache-bench-browser-'));

const { buildBrowser } = await import(new URL('scripts/build-browser.mjs', root).href);
await buildBrowser(folder, {
  entries: { blockWorker: fileURLToPath(new URL('bench/browser/worker.ts', root)) },
});
// Nothing else happens in it.
writeFileSync(join(folder, 'blank.html'), '<!doctype html><title>Benchmark</title>');
const ort = fileURLToPath(new URL('node_modules/onnxruntime-web/dist', root));
const server = await startWebServer({
  port: 0,
  isolated: true,
  folders: { '/incache/': folder, '/bench/': folder, '/ort/': ort },
});
const chromium = await Chromium.launch();
try {
  const rows = [...(await block(1)), ...(await block(2))];
  const milliseconds = await firstPictures();
  const text = `One block of ${MODEL}, two images of 256 pixels, in one worker of Chromium, contenders in turn, medians`;
  const page = { firstPictures: milliseconds, ...sizes() };
  const path = await saveJson('browser', { text, model: MODEL, rows, page }, { isPartial: quick });
  console.log(`${text}\n\n${browserTable(rows)}\n\n${JSON.stringify(page)}`);
  console.log(`written to ${path}`);
} finally {
  await chromium.close();
  await server.close();
  rmSync(folder, { recursive: true });
}

async function block(threads: number) {
  const page = await chromium.page();
  await page.goto(`${server.address}bench/blank.html`);
  const request: BlockRequest = {
    model: MODEL,
    threads,
    rounds: quick ? 5 : 11,
    runtime: `${server.address}ort/`,
  };
  const answers = await page.evaluate<BlockAnswer[]>(`new Promise((resolve, reject) => {
    const worker = new Worker('/bench/blockWorker.js', { type: 'module' });
    worker.onmessage = ({ data }) => data.error ? reject(new Error(data.error)) : resolve(data.rows);
    worker.onerror = ({ message }) => reject(new Error(message));
    worker.postMessage(${JSON.stringify(request)});
  })`);
  await page.close();
  const peer = answers.find(({ name }) => name === 'onnxruntime-web')!;
  return Promise.all(
    answers.map(async ({ name, replaces, error, times }): Promise<BrowserRow> => {
      const full = answers.find((other) => other.name === replaces);
      return {
        contender: name,
        threads,
        error,
        times: await statisticsOf(times),
        ...(name !== peer.name && !full && { overWeb: medianRatio(peer.times, times) }),
        ...(full && { timeShare: medianRatio(times, full.times) }),
      };
    }),
  );
}

/** Milliseconds from the start of loading the page to the first row's pictures, in a new profile each; the median of three. */
async function firstPictures(): Promise<number> {
  const taken: number[] = [];
  for (let i = 0; i < 3; i++) {
    const browser = await Chromium.launch();
    const page = await browser.page();
    await page.goto(`${server.address}#map=false`);
    await page.until("document.querySelector('.row .figures')?.childElementCount > 0");
    taken.push(await page.evaluate<number>('performance.now()'));
    await browser.close();
  }
  return median(taken);
}

/**
 * Bytes, as they are and compressed, of the scripts that a page loads to draw digits and of the kernels that one browser loads of
 * the four builds; and of what other models and runs may add.
 */
function sizes() {
  const read = (names: readonly string[]) => names.map((name) => readFileSync(join(folder, name)));
  const sum = (files: readonly Uint8Array[]) => files.reduce((total, { length }) => total + length, 0);
  const page = scriptsOf(folder, PAGE_SCRIPTS);
  const all = readdirSync(folder).filter((name) => name.endsWith('.js') && name !== 'blockWorker.js');
  const [scripts, kernels] = [read(page), read(['relaxed-shared.wasm'])];
  const compressed = (files: readonly Uint8Array[]) => sum(files.map((file) => gzipSync(file)));
  return {
    scriptBytes: sum(scripts),
    scriptBytesCompressed: compressed(scripts),
    otherScriptBytes: sum(read(all.filter((name) => !page.includes(name)))),
    kernelBytes: sum(kernels),
    kernelBytesCompressed: compressed(kernels),
  };
}
