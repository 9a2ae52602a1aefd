/**
 * A product on backend gpu in Chromium, in each of its forms, beside gpu.js itself and onnxruntime-web's WebGPU, all
 * on one adapter. `npm run bench:gpu`, or `-- --quick` for a look; `-- --software` on Chromium's software adapter,
 * where there is no GPU.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { medianRatio } from '../../src/bench/measure.js';
import { startWebServer } from '../../src/cli/webServer.js';
import { median } from '../../src/median.js';
import { Chromium } from '../../test/support/chromium.js';
import { saveJson } from '../results.js';
import { statisticsOf } from '../statistics.js';
import { answerHelp } from '../usage.js';
import type { GpuRow } from './row.js';
import type { ProductAnswer, ProductRequest } from './worker.js';

answerHelp(import.meta.url);

const SOFTWARE = [
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--enable-unsafe-swiftshader',
];
const SIZES = [
  [64, 256, 256],
  [256, 384, 384],
] as const;

const quick = process.argv.includes('--quick');
const root = new URL('../../../', import.meta.url);
const folder = mkdtempSync(join(tmpdir(), 'incache-bench-gpu-'));
const { buildBrowser } = await import(new URL('scripts/build-browser.mjs', root).href);
await buildBrowser(folder, {
  entries: { productWorker: fileURLToPath(new URL('bench/gpu/worker.ts', root)) },
});
writeFileSync(join(folder, 'blank.html'), '<!doctype html><title>Benchmark</title>');
const inRoot = (path: string) => fileURLToPath(new URL(path, root));
const server = await startWebServer({
  port: 0,
  isolated: true,
  folders: {
    '/bench/': folder,
    '/ort/': inRoot('node_modules/onnxruntime-web/dist'),
    '/gpujs/': inRoot('bench/peers/node_modules/gpu.js/dist'),
  },
});
const chromium = await Chromium.launch(process.argv.includes('--software') ? SOFTWARE : []);
try {
  const rows: GpuRow[] = [];
  let adapter = '';
  for (const [m, k, n] of SIZES) {
    const answer = await measure({ m, k, n });
    adapter = answer.adapter;
    const own = answer.rows.find(({ name }) => name === 'registers')!;
    for (const { name, error, times } of answer.rows)
      rows.push({
        contender: name,
        ...{ m, k, n },
        error,
        gflops: (2 * m * k * n) / median(times) / 1e6,
        times: await statisticsOf(times),
        overRegisters: medianRatio(times, own.times),
      });
  }
  for (const { times, ...row } of rows) console.log(JSON.stringify({ ...row, milliseconds: times.median }));
  const text = `A float32 product in one worker of Chromium (${adapter}), x written and the result read, contenders in turn`;
  console.log(`written to ${await saveJson('gpu', { text, adapter, rows }, { isPartial: quick })}`);
} finally {
  await chromium.close();
  await server.close();
  rmSync(folder, { recursive: true });
}

async function measure(size: Pick<ProductRequest, 'm' | 'k' | 'n'>): Promise<ProductAnswer> {
  const page = await chromium.page();
  await page.goto(`${server.address}bench/blank.html`);
  const request: ProductRequest = { ...size, rounds: quick ? 5 : 15, server: server.address };
  await page.evaluate(`
    const worker = new Worker('/bench/productWorker.js', { type: 'module' });
    worker.onmessage = ({ data }) => { window.answer = data; };
    worker.onerror = ({ message }) => { window.answer = { problem: message }; };
    worker.postMessage(${JSON.stringify(request)});`);
  // Minutes on a software adapter: longer than the page would be waited for.
  let answer: (ProductAnswer & { readonly problem?: string }) | null = null;
  while (!answer) {
    await new Promise((resolve) => setTimeout(resolve, 500));
    answer = await page.evaluate('window.answer ?? null');
  }
  if (answer.problem) throw new Error(answer.problem);
  await page.close();
  return answer;
}
