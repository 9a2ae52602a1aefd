/** The package as it is installed, in pages of the bundlers that people use: they draw with threads, and ask no other origin. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startWebServer } from '../../src/cli/webServer.js';
import { Chromium, noChromium } from '../support/chromium.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const skip =
  noChromium || (process.env.INCACHE_RELEASE_CHECKS ? false : 'only npm run test:release installs bundlers');

const PROGRAM = `
import { browserSupport, openPipeline } from 'incache';
const pipeline = await openPipeline(undefined, { threads: 2 });
const { images } = await pipeline.generate({ labels: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], steps: 3 });
window.result = { threads: pipeline.info.threads, isolated: browserSupport().isolated, images: images.length };
await pipeline.dispose();
`;

const page = (script: string) => `<!doctype html><link rel="icon" href="data:,"><title>test</title>${script}`;

describe('installed from the package, in bundlers', { skip }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'incache-bundlers-'));
  const package_ = join(folder, 'node_modules/incache');
  let chromium: Chromium;

  before(async () => {
    execFileSync(process.execPath, [join(root, 'scripts/build-browser.mjs')]);
    const [pack] = JSON.parse(
      execFileSync('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder], {
        cwd: root,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      }),
    );
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module', private: true }));
    const packages = [join(folder, pack.filename), 'vite@7', 'webpack@5', 'webpack-cli@6', 'esbuild@0.28'];
    const options = ['--ignore-scripts', '--no-audit', '--no-fund'];
    execFileSync('npm', ['install', ...options, ...packages], { cwd: folder, stdio: 'ignore' });
    mkdirSync(join(folder, 'src'));
    writeFileSync(join(folder, 'src/index.js'), PROGRAM);
    writeFileSync(join(folder, 'index.html'), page('<script type="module" src="./src/index.js"></script>'));
    chromium = await Chromium.launch();
  });
  after(async () => {
    await chromium?.close();
    rmSync(folder, { recursive: true });
  });

  const command = (name: string, ...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(join(folder, 'node_modules/.bin', name), args, {
      cwd: folder,
      encoding: 'utf8',
    });
    assert.equal(status, 0, stdout + stderr);
  };

  const draws = async (out: string, isolated: boolean) => {
    const server = await startWebServer({ port: 0, isolated, folders: { '/app/': join(folder, out) } });
    const view = await chromium.page();
    await view.goto(`${server.address}app/index.html`);
    await view.until('window.result').catch((error) => assert.fail(`${error.message} ${view.messages}`));
    const result = await view.evaluate('window.result');
    assert.deepEqual(result, { threads: isolated ? 2 : 1, isolated, images: 10 });
    assert.deepEqual(view.messages, []);
    const origin = new URL(server.address).origin;
    assert.deepEqual(
      view.requests.filter((url) => !/^(data|blob):/.test(url) && new URL(url).origin !== origin),
      [],
    );
    await view.close();
    await server.close();
  };

  test('vite', async () => {
    command('vite', 'build', '--base', './', '--outDir', 'vite');
    await draws('vite', true);
    await draws('vite', false);
  });

  test('webpack', async () => {
    const settings = ['--mode', 'production', '--entry', './src/index.js'];
    command('webpack', ...settings, '--output-path', join(folder, 'webpack'), '--output-filename', 'main.js');
    writeFileSync(join(folder, 'webpack/index.html'), page('<script src="main.js"></script>'));
    await draws('webpack', true);
  });

  test('esbuild, with the files of the bundle beside its output', async () => {
    command('esbuild', 'src/index.js', '--bundle', '--format=esm', '--outfile=esbuild/src/out/main.js');
    cpSync(join(package_, 'dist/browser'), join(folder, 'esbuild/src/out'), { recursive: true });
    cpSync(join(package_, 'models'), join(folder, 'esbuild/models'), { recursive: true });
    writeFileSync(
      join(folder, 'esbuild/index.html'),
      page('<script type="module" src="src/out/main.js"></script>'),
    );
    await draws('esbuild', true);
  });

  test('without a bundler', async () => {
    cpSync(package_, join(folder, 'plain/incache'), { recursive: true });
    const map =
      '<script type="importmap">{"imports":{"incache":"./incache/dist/browser/incache.js"}}</script>';
    writeFileSync(join(folder, 'plain/index.html'), page(`${map}<script type="module">${PROGRAM}</script>`));
    await draws('plain', true);
  });

  test('its types, for a page', () => {
    const program =
      "import { openPipeline } from 'incache/browser';\nexport const made: Promise<object> = openPipeline();\n";
    writeFileSync(join(folder, 'page.ts'), program);
    const compilerOptions = {
      ...{
        noEmit: true,
        strict: true,
        target: 'es2022',
        module: 'esnext',
        moduleResolution: 'bundler',
        types: [],
      },
      lib: ['es2023', 'dom', 'dom.iterable', 'esnext.disposable'],
    };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['page.ts'] }));
    const tsc = join(root, 'node_modules/typescript/bin/tsc');
    const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8' });
    assert.equal(status, 0, stdout);
  });
});
