/** The package as a user installs it: what is in the tarball, and that it works without install scripts. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
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

  test('has kernels, types and the embedded model, and no tests or sources', () => {
    for (const path of [
      'dist/wasm/simd.wasm',
      'dist/src/index.d.ts',
      'dist/src/browser.d.ts',
      'examples/web/index.html',
      'models/digits/dit-digits.safetensors',
      'LICENSE',
    ])
      assert.ok(files.includes(path), `${path} is missing`);
    assert.deepEqual(
      files.filter((path) => /^(dist\/(test|bench)|test|src|bench)\//.test(path)),
      [],
    );
  });

  test('has what the native build needs, and nothing that was built', () => {
    for (const path of [
      'binding.gyp',
      'CMakeLists.txt',
      'scripts/build-native.mjs',
      'cpp/include/incache.h',
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

  /** Runs the install script as npm does, with `env` for its environment. */
  const install = (env: NodeJS.ProcessEnv) => {
    const { install } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')).scripts;
    const [node, ...args] = install.split(' ');
    assert.equal(node, 'node');
    return spawnSync(process.execPath, args, { cwd: installed, encoding: 'utf8', env });
  };

  test('installs without native kernels where INCACHE_NATIVE is off', () => {
    const { status, stdout, stderr } = install({ ...process.env, INCACHE_NATIVE: 'off' });
    assert.equal(stdout, 'incache: no native kernels (INCACHE_NATIVE is off); WebAssembly will serve.\n');
    assert.deepEqual([status, stderr], [0, '']);
    assert.ok(!existsSync(join(installed, 'build')));
  });

  test('installs without native kernels where there is no CMake', () => {
    const bin = join(folder, 'bin');
    mkdirSync(bin);
    symlinkSync(process.execPath, join(bin, 'node'));
    const { INCACHE_NATIVE: _, ...env } = process.env;
    const { status, stdout, stderr } = install({ ...env, PATH: bin });
    assert.equal(
      stdout,
      'incache: no native kernels (no compiler or no CMake was found); WebAssembly will serve.\n',
    );
    assert.deepEqual([status, stderr], [0, '']);
  });

  test('publint finds nothing', async () => {
    const { messages } = await publint({ pkgDir: installed, strict: true, pack: false });
    const pkg = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
    assert.deepEqual(
      messages.map((message) => formatMessage(message, pkg)),
      [],
    );
  });

  test('imports and samples', () => {
    const program = `
      import { DiTPipeline, EMBEDDED_MODEL } from 'incache';
      const pipeline = await DiTPipeline.load(EMBEDDED_MODEL);
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

  const nodeGyp = findNodeGyp();
  test('node-gyp builds the addon', { skip: nodeGyp.skip }, () => {
    const { INCACHE_NATIVE: _, ...env } = process.env;
    const args = [nodeGyp.path!, 'rebuild', `--nodedir=${nodeGyp.nodedir}`];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, {
      cwd: installed,
      encoding: 'utf8',
      env,
    });
    assert.equal(status, 0, stdout + stderr);
    const addon = join(installed, 'build/native/Release/incache.node');
    assert.ok(existsSync(addon), stdout + stderr);
    const program = `
      import { openDevice } from 'incache';
      const device = await openDevice('native', { threads: 1 });
      console.log(device.backend, (await device.allocate(2, 3).read()).length);`;
    const output = execFileSync(process.execPath, ['--input-type=module', '-e', program], {
      cwd: folder,
      encoding: 'utf8',
      env,
    });
    assert.equal(output.trim(), 'native 6');
  });
});

/**
 * node-gyp as it comes with npm and the folder of the headers of Node, or the reason why it is not tried. It compiles every kernel
 * anew, by the same CMake build as npm install, so that only a release needs it.
 */
function findNodeGyp(): { path?: string; nodedir?: string; skip: string | false } {
  if (!process.env.INCACHE_RELEASE_CHECKS) return { skip: 'only npm run test:release builds with node-gyp' };
  const onPath = (name: string) =>
    (process.env.PATH ?? '')
      .split(delimiter)
      .map((place) => join(place, name))
      .find(existsSync);
  const npm = onPath('npm');
  if (!npm) return { skip: 'there is no npm' };
  const path = join(dirname(realpathSync(npm)), '../node_modules/node-gyp/bin/node-gyp.js');
  if (!existsSync(path)) return { skip: 'npm has no node-gyp' };
  for (const tool of ['cmake', 'make', 'python3', 'c++'])
    if (!onPath(tool)) return { skip: `there is no ${tool}` };
  const configured = execFileSync('npm', ['config', 'get', 'nodedir'], { encoding: 'utf8' }).trim();
  // npm says `undefined` for what is not configured; node-gyp would then fetch headers.
  const nodedir = existsSync(configured) ? configured : dirname(dirname(process.execPath));
  if (!existsSync(join(nodedir, 'include/node/node_api.h'))) return { skip: 'there are no headers of Node' };
  return { path, nodedir, skip: false };
}
