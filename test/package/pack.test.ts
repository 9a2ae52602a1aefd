/** The package as a user installs it: what is in the tarball, and that it works without install scripts. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';

const root = fileURLToPath(new URL('../../../', import.meta.url));

describe('npm package', () => {
  const folder = mkdtempSync(join(tmpdir(), 'incache-pack-'));
  const installed = join(folder, 'node_modules/incache');
  let files: string[];

  before(() => {
    const options = ['--ignore-scripts', '--json', '--pack-destination', folder];
    const [pack] = JSON.parse(
      execFileSync('npm', ['pack', ...options], {
        cwd: root,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      }),
    );
    files = pack.files.map(({ path }: { path: string }) => path);
    execFileSync('mkdir', ['-p', installed]);
    execFileSync('tar', ['xf', join(folder, pack.filename), '-C', installed, '--strip-components=1']);
    // Its dependencies, as npm would have put them beside it.
    const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    for (const name of Object.keys(dependencies))
      symlinkSync(join(root, 'node_modules', name), join(folder, 'node_modules', name));
  });
  after(() => rmSync(folder, { recursive: true }));

  test('has kernels and types, and no tests, sources or models', () => {
    for (const path of [
      'dist/wasm/simd.wasm',
      'dist/src/index.d.ts',
      'dist/src/browser.d.ts',
      'examples/web/index.html',
      'LICENSE',
    ])
      assert.ok(files.includes(path), `${path} is missing`);
    assert.deepEqual(
      files.filter((path) => /^(dist\/(test|bench)|test|src|bench|models)\//.test(path)),
      [],
    );
  });

  test('has what the native build needs, and nothing that was built', () => {
    for (const path of [
      'CMakeLists.txt',
      'scripts/build-native.mjs',
      'scripts/cmake.mjs',
      'dist/headers/napi.h',
      'dist/headers/node_api.h',
      'cpp/include/incache.h',
      'cpp/include/incache/sampler.h',
      'cpp/core/api.cpp',
      'cpp/cpu/isa.cpp',
      'cpp/cpu/linear.inc',
      'cpp/addon/addon.cpp',
      'cpp/cmake/incache-config.cmake.in',
      'cuda/plugin.cmake',
      'cuda/linear.cu',
    ])
      assert.ok(files.includes(path), `${path} is missing`);
    assert.deepEqual(
      files.filter((path) => /^(build|cpp\/(test|fuzz)|cuda\/(test|emulator))\/|\.(node|o|a|so)$/.test(path)),
      [],
    );
  });

  test('runs nothing when it is installed: package managers refuse or warn of packages that do', () => {
    const { scripts } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
    for (const name of ['preinstall', 'install', 'postinstall', 'prepare'])
      assert.ok(!(name in scripts), name);
    // Some take its presence for an install script.
    assert.ok(!files.includes('binding.gyp'));
  });

  test('the build from source without CMake says so, and the exit code too', () => {
    const bin = join(folder, 'bin');
    mkdirSync(bin);
    symlinkSync(process.execPath, join(bin, 'node'));
    const { INCACHE_NATIVE: _, ...env } = process.env;
    const command = [join(installed, 'dist/src/cli/main.js'), 'build'];
    const { status, stdout, stderr } = spawnSync(process.execPath, command, {
      cwd: folder,
      encoding: 'utf8',
      env: { ...env, PATH: bin },
    });
    assert.equal(stdout, 'incache: no native kernels (CMake was not found); WebAssembly will serve.\n');
    assert.deepEqual([status, stderr], [2, 'incache: the native kernels were not compiled\n']);
  });

  test('publint finds nothing', async () => {
    const { messages } = await publint({ pkgDir: installed, strict: true, pack: false });
    const pkg = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
    assert.deepEqual(
      messages.map((message) => formatMessage(message, pkg)),
      [],
    );
  });

  test('imports, finds a model that is installed beside it, and samples', () => {
    mkdirSync(join(folder, 'node_modules/@incache'));
    symlinkSync(join(root, 'models/digits'), join(folder, 'node_modules/@incache/digits'));
    const program = `
      import { Pipeline, EMBEDDED_MODEL } from 'incache';
      const pipeline = await Pipeline.load(EMBEDDED_MODEL);
      const { shape } = await pipeline.generate({ labels: [3], steps: 1 });
      console.log(shape.join());`;
    const output = execFileSync(process.execPath, ['--input-type=module', '-e', program], {
      cwd: folder,
      encoding: 'utf8',
    });
    assert.equal(output.trim(), '1,1,32,32');
  });

  test('the command runs', () => {
    const command = join(installed, 'dist/src/cli/main.js');
    const output = execFileSync(process.execPath, [command, 'info', '--json'], {
      cwd: folder,
      encoding: 'utf8',
    });
    assert.ok(
      JSON.parse(output).some(
        ({ name, available }: { name: string; available: boolean }) => name === 'wasm' && available,
      ),
    );
  });
});
