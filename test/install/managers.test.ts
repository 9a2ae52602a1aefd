/** pnpm and yarn install the packed packages without a warning and without asking about scripts. They are fetched by npm. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { Packed, PLATFORM, ROOT, run, runProgram, userEnvironment, WITHOUT_ADDON } from './packed.js';

const PROGRAM = `
  import { openDevice } from 'incache';
  const device = await openDevice(undefined, { threads: 1 });
  console.log(device.backend);
  await device.dispose();`;

const tools = mkdtempSync(join(tmpdir(), 'incache-managers-'));
writeFileSync(join(tools, 'package.json'), '{}');
const fetched = run('npm', ['install', '--no-audit', '--no-fund', 'pnpm@10', 'yarn@1'], tools);
const skip = fetched.status === 0 ? false : 'npm does not get pnpm and yarn here';
const tool = (name: string) => join(tools, 'node_modules/.bin', name);

describe('other package managers', { skip }, () => {
  const packed = new Packed();
  const expected = WITHOUT_ADDON ? 'wasm\n' : 'native\n';
  const files = Object.fromEntries(
    Object.entries(packed.tarballs).map(([name, path]) => [name, `file:${path}`]),
  );
  after(() => {
    packed[Symbol.dispose]();
    rmSync(tools, { recursive: true });
  });

  test('pnpm', () => {
    // The platform package is not hoisted: incache itself must find it.
    const folder = packed.project(
      'pnpm',
      Object.keys(files).filter((name) => name !== 'incache'),
      {
        pnpm: { overrides: files },
      },
    );
    const args = ['install', '--offline', '--store-dir', join(packed.folder, 'store')];
    const { status, stdout, stderr } = run(tool('pnpm'), args, folder);
    assert.equal(status, 0, stdout + stderr);
    assert.doesNotMatch(stdout + stderr, /Ignored build scripts/);
    assert.equal(runProgram(folder, 'program.mjs', PROGRAM).stdout, expected);
  });

  test('yarn', () => {
    // Yarn looks at the packages of every platform, and takes what `resolutions` names for required on all.
    const platforms = ['linux-x64', 'linux-arm64'].map((name) => [
      `@incache/${name}`,
      `file:${join(ROOT, 'npm', name)}`,
    ]);
    const resolutions = { ...Object.fromEntries(platforms), ...files };
    const folder = packed.project('yarn', [], { resolutions });
    const env = { ...userEnvironment(), YARN_CACHE_FOLDER: join(packed.folder, 'cache') };
    const args = ['install', '--offline', '--ignore-platform', '--non-interactive', '--no-lockfile'];
    const { status, stdout, stderr } = run(tool('yarn'), args, folder, env);
    assert.equal(status, 0, stdout + stderr);
    assert.equal(runProgram(folder, 'program.mjs', PROGRAM).stdout, expected, `${PLATFORM} is not found`);
  });
});
