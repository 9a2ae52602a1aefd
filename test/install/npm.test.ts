/** What npm makes of the packed packages, and that it works there: scripts off, no compiler, nothing that can be written. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, readdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import {
  incacheIn,
  Packed,
  PLATFORM,
  ROOT,
  run,
  runProgram,
  WITHOUT_ADDON,
  withoutCompiler,
} from './packed.js';

const NPM = ['install', '--offline', '--no-audit', '--no-fund'];
const SAMPLE = `
  import { Pipeline } from 'incache';
  const pipeline = await Pipeline.load(${JSON.stringify(join(ROOT, 'models/digits/dit-digits.safetensors'))});
  const { shape } = await pipeline.generate({ labels: [3], steps: 1 });
  console.log(pipeline.device.backend, shape.join());
  await pipeline.dispose();`;

describe('npm', () => {
  const packed = new Packed();
  after(() => packed[Symbol.dispose]());
  let installed = '';

  test('installs a few packages of a few MB, without a compiler and without a warning', () => {
    installed = packed.project('with spaces in its path');
    const { status, stdout, stderr } = run('npm', NPM, installed, withoutCompiler(packed.folder));
    assert.deepEqual([status, stderr], [0, '']);
    const [, count] = /added (\d+) packages/.exec(stdout) ?? [];
    assert.ok(Number(count) < 12, stdout);
    const [size] = execFileSync('du', ['-sk', '--apparent-size', 'node_modules'], {
      cwd: installed,
      encoding: 'utf8',
    }).split('\t');
    assert.ok(Number(size) < 15 * 1024, `${size} KiB`);
  });

  test('what it installed has native kernels', { skip: WITHOUT_ADDON }, () => {
    const { stdout, stderr } = runProgram(installed, 'sample.mjs', SAMPLE);
    assert.deepEqual([stdout, stderr], ['native 1,1,32,32\n', '']);
    const doctor = run(process.execPath, [incacheIn(installed), 'doctor'], installed);
    assert.equal(doctor.status, 0, doctor.stdout);
    assert.match(doctor.stdout, new RegExp(`the addon of native is ${PLATFORM}$`, 'm'));
  });

  test('commands that need a model which is not installed say how to get it', () => {
    for (const [command, model] of [
      [['sample', '--labels', '3'], 'digits'],
      [['demo'], 'emoji'],
    ] as const) {
      const { status, stdout, stderr } = run(process.execPath, [incacheIn(installed), ...command], installed);
      assert.deepEqual([status, stdout], [2, '']);
      assert.match(
        stderr,
        new RegExp(`^incache: .* is a package of its own: npm install @incache/${model}\n$`),
      );
    }
  });

  test('a package.json with scripts off gives the same', { skip: WITHOUT_ADDON }, () => {
    const folder = packed.project('no scripts');
    assert.equal(run('npm', [...NPM, '--ignore-scripts'], folder).status, 0);
    assert.equal(runProgram(folder, 'sample.mjs', SAMPLE).stdout, 'native 1,1,32,32\n');
  });

  test('it works where nothing can be written', () => {
    execFileSync('chmod', ['-R', 'a-w', join(installed, 'node_modules')]);
    const { status, stderr } = runProgram(installed, 'sample.mjs', SAMPLE);
    execFileSync('chmod', ['-R', 'u+w', join(installed, 'node_modules')]);
    assert.deepEqual([status, stderr], [0, '']);
  });

  test('without the platform package it runs on WebAssembly, and says why in one sentence', () => {
    const folder = packed.project('no platform package', [PLATFORM]);
    const { status, stderr } = run('npm', NPM, folder);
    assert.deepEqual([status, stderr], [0, '']);
    assert.equal(runProgram(folder, 'sample.mjs', SAMPLE).stdout, 'wasm 1,1,32,32\n');
    const doctor = run(process.execPath, [incacheIn(folder), 'doctor'], folder);
    assert.match(doctor.stdout, /(is not installed|there is no prebuilt addon).*npx incache build/);
    assert.equal(doctor.status, 0, 'slower, but nothing is broken');
  });

  test('addons that do not load are told with the remedy', { skip: WITHOUT_ADDON }, () => {
    const folder = join(packed.folder, 'damaged');
    cpSync(installed, folder, { recursive: true });
    const doctor = () => run(process.execPath, [incacheIn(folder), 'doctor'], folder);
    const addon = join(folder, 'node_modules', PLATFORM, 'incache.node');
    truncateSync(addon, 1000);
    assert.match(doctor().stdout, /Problem: .*damaged.*install it again/);
    writeFileSync(addon, 'not an addon at all');
    assert.match(doctor().stdout, /Problem: .*damaged.*install it again/);
    assert.equal(doctor().status, 1);
    assert.equal(runProgram(folder, 'sample.mjs', SAMPLE).stdout, 'wasm 1,1,32,32\n');
    const forbidden = run(process.execPath, ['--no-addons', incacheIn(installed), 'doctor'], installed);
    assert.match(forbidden.stdout, /Problem: .*start it with --allow-addons/);
  });

  test('CommonJS has it by import(), and by require() where Node.js has that', () => {
    const byImport = `import('incache').then(({ VERSION, backends }) => console.log(typeof backends));`;
    assert.equal(runProgram(installed, 'import.cjs', byImport).stdout, 'function\n');
    const byRequire = runProgram(installed, 'require.cjs', "console.log(typeof require('incache').backends)");
    if (process.features.require_module) assert.equal(byRequire.stdout, 'function\n');
    else assert.match(byRequire.stderr, /ERR_REQUIRE_ESM/);
  });

  test('the project holds nothing but what was installed', () => {
    assert.ok(!readdirSync(join(installed, 'node_modules/incache')).includes('build'));
  });
});
