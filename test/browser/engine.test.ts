/** The engine in pages of Chromium: the same bits as in Node, files that are read where they lie, and what bad input is told. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { detectFeatures } from '../../src/backend/wasm/features.js';
import { DenoiserCheckpoint } from '../../src/engine/checkpoint.js';
import { namedConfig } from '../../src/models/dit/config.js';
import { Pipeline } from '../../src/pipeline/pipeline.js';
import { type Context, noChromium, type Page } from '../support/chromium.js';
import { writeSparseModel } from '../support/sparseModel.js';
import { writeTinyAutoencoder } from '../support/tinyAutoencoder.js';
import { writeTinyModel } from '../support/tinyModel.js';
import { openContext, publishedSite } from './shared.js';
import { noEsbuild, type Site } from './site.js';

/** Beyond what 32 bits can say. */
const LARGE = 2 ** 31;

interface NodeLatents {
  readonly arithmetic: string;
  readonly hash: string;
  readonly latents: readonly string[];
}

const LABELS = [3, 8, 5];
const RUNS = [
  { labels: LABELS, steps: 3, seed: 3 },
  { labels: LABELS, steps: 3, seed: 3, cache: { policy: 'reuse', period: 2 } },
];

/** In Node, with relaxed SIMD or as Node is by itself. */
function inNode(relaxed: boolean): NodeLatents {
  const program = fileURLToPath(new URL('./nodeLatents.js', import.meta.url));
  // Engines that have it without the flag no longer know the flag.
  const flags = relaxed && !detectFeatures().relaxed ? ['--experimental-wasm-relaxed-simd'] : [];
  const output = execFileSync(process.execPath, [...flags, program, JSON.stringify(RUNS)], {
    encoding: 'utf8',
  });
  return JSON.parse(output);
}

describe('the engine in a browser', { skip: noChromium || noEsbuild }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'incache-engine-'));
  let site: Site;
  let browser: Context;
  let page: Page;
  before(async () => {
    site = await publishedSite();
    browser = await openContext();
    page = await browser.page();
  });
  after(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true });
  });

  /** The page of this file, loaded anew: that takes less than another one. */
  const open = (server: 'isolated' | 'plain'): Promise<Page> => load(page, server);
  const load = async (page: Page, server: 'isolated' | 'plain'): Promise<Page> => {
    page.messages.length = 0;
    page.requests.length = 0;
    await page.goto(`${site[server].address}test/index.html`);
    await page.until('window.incache');
    return page;
  };

  /** Latents in base64, after opening the model of digits on so many threads. */
  const latentsOf = (page: Page, threads: number) =>
    page.evaluate<NodeLatents & { threads: number }>(`(async () => {
      const pipeline = await incache.openPipeline(undefined, { threads: ${threads} });
      const latents = [];
      for (const run of ${JSON.stringify(RUNS)}) {
        const bytes = new Uint8Array((await pipeline.generateLatents(run)).latents.buffer);
        latents.push(btoa(String.fromCharCode(...bytes)));
      }
      const { arithmetic, threads } = pipeline.info;
      const hash = await pipeline.hash();
      await pipeline.dispose();
      return { arithmetic, threads, hash, latents };
    })()`);

  test('gives the bits of Node, on one thread and on two', async () => {
    const page = await open('isolated');
    const [one, two] = [await latentsOf(page, 1), await latentsOf(page, 2)];
    const node = inNode(one.arithmetic.includes('relaxed'));
    assert.deepEqual([one.threads, two.threads], [1, 2]);
    assert.equal(one.hash, node.hash);
    assert.equal(one.arithmetic, node.arithmetic);
    assert.deepEqual(one.latents, node.latents);
    assert.deepEqual(two.latents, node.latents);
    const floats = (text: string) => new Float32Array(Uint8Array.from(Buffer.from(text, 'base64')).buffer);
    const asItIs = inNode(false);
    for (const [run, text] of asItIs.latents.entries()) {
      const other = floats(text);
      const largest = Math.max(...floats(one.latents[run]!).map((value, i) => Math.abs(value - other[i]!)));
      assert.ok(largest < 1e-3, `run ${run} differs by ${largest}`);
    }
    assert.deepEqual(page.messages, []);
  });

  test('has one thread where the page is not isolated, and says why', async () => {
    const page = await open('plain');
    const { threads, latents } = await latentsOf(page, 2);
    const [note] = await page.evaluate<string[]>('incache.browserSupport().notes');
    assert.equal(threads, 1);
    assert.equal(latents.length, RUNS.length);
    assert.match(note!, /one thread.*Cross-Origin-Opener-Policy: same-origin/);
    assert.deepEqual(page.messages, []);
  });

  test('opens a file of gigabytes by its header, and ends all workers', async () => {
    const path = join(folder, 'large.safetensors');
    const size = writeSparseModel(path, namedConfig('DiT-XL/2'));
    assert.ok(size > LARGE, `${size} bytes`);
    const page = await open('isolated');
    await page.setFiles('#file', [path]);
    const memory = 'performance.measureUserAgentSpecificMemory().then(({ bytes }) => bytes)';
    const before = await page.evaluate<number>(memory);
    const { depth, threads } = await page.evaluate<{ depth: number; threads: number }>(`(async () => {
      window.pipeline = await incache.openPipeline(document.querySelector('#file').files[0], { threads: 2 });
      return { depth: pipeline.network.config.depth, threads: pipeline.info.threads };
    })()`);
    const grown = (await page.evaluate<number>(memory)) - before;
    assert.deepEqual({ depth, threads }, { depth: 28, threads: 2 });
    // One tensor of it is 21 MB.
    assert.ok(grown < 64 * 2 ** 20, `grew by ${grown} bytes`);
    const workers = () => page.workers().then(({ length }) => length);
    assert.ok((await workers()) > 0);
    await page.evaluate('pipeline.dispose()');
    for (let i = 0; i < 100 && (await workers()) > 0; i++)
      await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(await workers(), 0);
  });

  const html = '<!doctype html><title>Sign in</title>';
  for (const [what, expression, says] of [
    [
      'a page of HTML',
      `new File([${JSON.stringify(html)}], 'x.safetensors')`,
      /x\.safetensors is an HTML or XML page/,
    ],
    ['an empty file', "new File([], 'nothing.pt')", /nothing\.pt/],
    ['no files', '[]', /model is 'empty'; expected at least one file/],
    ['an address that is not there', "'/nowhere.safetensors'", /cannot fetch .*nowhere\.safetensors: 404/],
    ['no model at all', '7', /model is 7; expected an address/],
  ] as const)
    test(`says what is wrong with ${what}`, async () => {
      const page = await open('isolated');
      const message = await page.evaluate<string>(
        `incache.openPipeline(${expression}).then(() => 'opened', (error) => error.message)`,
      );
      assert.match(message, says);
      assert.ok(!message.includes('\n'));
    });

  test('says what the browser lacks', async () => {
    const page = await open('isolated');
    const told = 'incache.openPipeline().then(() => "opened", (error) => error.message)';
    const noSimd = await page.evaluate<string>(`(WebAssembly.validate = () => false, ${told})`);
    const noWorkers = await page.evaluate<string>(`(delete globalThis.Worker, ${told})`);
    assert.equal(noSimd, 'This browser has no WebAssembly SIMD, which the engine needs.');
    assert.equal(noWorkers, 'This browser has no workers, in which the engine runs.');
  });

  test('asks for half the memory where a phone refuses, and says so where it gives none', async () => {
    const page = await open('isolated');
    const [limit, message] = await page.evaluate<[number, string]>(`(async () => {
      const { Memory } = WebAssembly;
      const refuseAbove = (pages) => {
        WebAssembly.Memory = function (wanted) {
          if (wanted.maximum > pages) throw new RangeError('could not allocate memory');
          return new Memory(wanted);
        };
      };
      refuseAbove(10_000);
      const device = await incache.openDevice('wasm', { threads: 1 });
      const { memoryLimit } = device;
      await device.dispose();
      refuseAbove(0);
      const refused = incache.openDevice('wasm', { threads: 1 });
      return [memoryLimit, await refused.then(() => 'opened', (error) => error.message)];
    })()`);
    // 65535 pages, halved until they are fewer than that.
    assert.equal(limit, 8191 * 65536);
    assert.equal(
      message,
      'the browser gives this page no memory for WebAssembly; closing other tabs may help',
    );
  });

  test('ends with the tab', async () => {
    const tab = await load(await browser.page(), 'isolated');
    await tab.evaluate(`(async () => {
      const pipeline = await incache.openPipeline(undefined, { threads: 2 });
      await new Promise((resolve) => void pipeline.generate({ labels: [1], steps: 250 }, resolve).catch(() => {}));
    })()`);
    assert.ok((await tab.workers()).length > 0);
    await tab.close();
    for (let i = 0; i < 100 && (await page.workers()).length > 0; i++)
      await new Promise((resolve) => setTimeout(resolve, 50));
    assert.deepEqual(await page.workers(), []);
  });

  test('asks once for a download that it keeps, and tells of its progress', async () => {
    const page = await open('isolated');
    const { sizes, last } = await page.evaluate<{ sizes: number[]; last: number[] }>(`(async () => {
      let last;
      const options = { keep: true, onProgress: (...progress) => { last = progress; } };
      const sizes = [];
      for (let i = 0; i < 2; i++) sizes.push((await incache.fetchFile(incache.EMBEDDED_CALIBRATION_IMAGES_URL, options)).size);
      return { sizes, last };
    })()`);
    assert.equal(sizes[0], sizes[1]);
    assert.deepEqual(last, [sizes[0], sizes[0]]);
    assert.equal(page.requests.filter((url) => url.endsWith('calibration-images.safetensors')).length, 1);
  });

  test('refuses options that it cannot have, cancels runs, and fails after it was disposed', async () => {
    const page = await open('isolated');
    const answers = await page.evaluate<string[]>(`(async () => {
      const told = (promise) => promise.then(() => 'done', (error) => error.name + ': ' + error.message);
      const pipeline = await incache.openPipeline(undefined, { threads: 1 });
      const controller = new AbortController();
      const cancelled = pipeline.generate({ labels: [1], steps: 250, signal: controller.signal }, () => controller.abort());
      const answers = [
        await told(pipeline.generate({ labels: [11], steps: 2 })),
        await told(pipeline.generate({ labels: [1], steps: 2, cache: { policy: 'reuse', rule: () => true } })),
        await told(cancelled),
        await told(pipeline.generate({ labels: [1], steps: 2 })),
      ];
      const running = told(pipeline.generate({ labels: [1], steps: 250 }));
      await pipeline.dispose();
      return [...answers, await running, await told(pipeline.hash())];
    })()`);
    assert.match(answers[0]!, /^ArgumentError: label is 11; expected/);
    assert.match(answers[1]!, /^ArgumentError: rule is .*cannot be passed/);
    assert.match(answers[2]!, /^AbortError/);
    assert.equal(answers[3], 'done');
    assert.match(answers[4]!, /Error: /);
    assert.equal(answers[5], 'IncacheError: this pipeline has been disposed');
  });

  test('makes pictures of latents with an autoencoder, as in Node', async () => {
    const model = writeTinyModel(join(folder, 'dit.safetensors'), { config: { inChannels: 4 } });
    const vae = writeTinyAutoencoder(join(folder, 'vae'));
    const page = await open('isolated');
    const names = ['config.json', 'diffusion_pytorch_model.safetensors'];
    await page.setFiles('#file', [model, ...names.map((name) => join(vae, name))]);
    const picture = await page.evaluate<{ width: number; data: number[]; png: number[] }>(`(async () => {
      const [model, ...parts] = document.querySelector('#file').files;
      const vae = Object.fromEntries(parts.map((file) => ['vae/' + file.name, file]));
      const pipeline = await incache.openPipeline(model, { vae, threads: 1 });
      const { images: [image] } = await pipeline.generate({ labels: [1], steps: 3 });
      await pipeline.dispose();
      return { width: image.width, data: [...image.data], png: [...image.toPng().subarray(0, 4)] };
    })()`);
    await using pipeline = await Pipeline.load(model, { vae, backend: 'wasm', threads: 1 });
    const { images } = await pipeline.generate({ labels: [1], steps: 3 });
    const expected = images[0]!;
    assert.equal(picture.width, expected.width);
    assert.equal(picture.data.length, expected.data.length);
    const largest = Math.max(...expected.data.map((byte, i) => Math.abs(byte - picture.data[i]!)));
    assert.ok(largest <= 1, `a byte differs by ${largest}`);
    assert.deepEqual(picture.png, [0x89, 0x50, 0x4e, 0x47]);
  });

  test('opens a folder of diffusers in several PyTorch files, by parts that it fetches then', async () => {
    const model = fileURLToPath(
      new URL('../../../test/golden/checkpoints/diffusers-dit/sharded-bin', import.meta.url),
    );
    const names = readdirSync(join(model, 'transformer'));
    const page = await open('isolated');
    await page.setFiles(
      '#file',
      names.map((name) => join(model, 'transformer', name)),
    );
    const hash = await page.evaluate<string>(`(async () => {
      const files = [...document.querySelector('#file').files].map((file) => ['transformer/' + file.name, file]);
      const pipeline = await incache.openPipeline(Object.fromEntries(files), { threads: 1 });
      const hash = await pipeline.hash();
      await pipeline.dispose();
      return hash;
    })()`);
    using checkpoint = new DenoiserCheckpoint(model);
    assert.equal(hash, checkpoint.hash);
    assert.deepEqual(page.messages, []);
  });

  test('keeps what it wrote under a path, and what a visitor may find again', async () => {
    const page = await open('isolated');
    const result = await page.evaluate<object>(`(async () => {
      const pipeline = await incache.openPipeline(undefined, { threads: 1 });
      const made = await pipeline.calibrate({ method: 'svd', rank: 4 });
      made.save('factors.safetensors');
      const kept = await incache.keepFile('test', incache.mountedFile('factors.safetensors'));
      incache.mountFile('again.safetensors', new Uint8Array(await (await incache.keptFile('test')).arrayBuffer()));
      const again = incache.FactorSet.load('again.safetensors');
      await incache.forgetFile('test');
      const run = { labels: [4], steps: 4, seed: 1 };
      const sums = [];
      for (const factors of [made, again]) {
        const { latents } = await pipeline.generate({ ...run, cache: { policy: 'calibrated', factors } });
        sums.push(latents.join());
      }
      await pipeline.dispose();
      return { kept: kept.size > 1000, gone: (await incache.keptFile('test')) === undefined, hash: again.hash === made.hash, equal: sums[0] === sums[1] };
    })()`);
    assert.deepEqual(result, { kept: true, gone: true, hash: true, equal: true });
  });
});
