/** `npm run golden`: what it counts, how it ends, and that no suite depends on the names or kinds of the repository's files. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from '../support/folder.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const golden = join(root, 'test/golden');

const MOST_MEGABYTES = 15;

/** Files of the repository under the names that they have in another folder. */
function folderOf(files: Readonly<Record<string, string>>): string {
  const folder = temporaryFolder();
  for (const [name, source] of Object.entries(files)) symlinkSync(join(golden, source), join(folder, name));
  return folder;
}

function runGolden(...args: string[]) {
  // With it Node would take the child for a part of this run.
  const { NODE_TEST_CONTEXT: _, INCACHE_GOLDEN: __, ...env } = process.env;
  return spawnSync(process.execPath, [join(root, 'scripts/golden.mjs'), ...args], { encoding: 'utf8', env });
}

test('a folder of other names and few kinds passes, and the rest is skipped', () => {
  const folder = folderOf({
    'dit-other.weights.safetensors': 'dit-a.weights.safetensors',
    'dit-other.forward.safetensors': 'dit-a.forward.safetensors',
    'dit-other.ddim10.safetensors': 'dit-a.ddim10.safetensors',
    'another.dpmpp.safetensors': 'pixart.dpmpp.safetensors',
  });
  const { status, stdout } = runGolden(folder);
  assert.equal(status, 0, stdout);
  const [, passed] = /\n(\d+) passed, 0 failed\n$/.exec(stdout) ?? [];
  assert.ok(Number(passed) > 10, stdout);
  assert.match(stdout, /skipped 1: no cached runs in /);
});

test('values that differ fail, are named, and end with 1', () => {
  const folder = temporaryFolder();
  const bytes = readFileSync(join(golden, 'pixart.dpmpp.safetensors'));
  // Other noise, or another sample, in a part of every run.
  for (let i = bytes.length >> 1; i < bytes.length; i += 4) bytes[i + 3]! ^= 0x80;
  writeFileSync(join(folder, 'solver.dpmpp.safetensors'), bytes);
  const { status, stdout } = runGolden(folder);
  assert.equal(status, 1, stdout);
  assert.match(
    stdout,
    /failed: diffusion\/solver\.golden\.test\.js: solver\.dpmpp\.safetensors, \d+ steps\n/,
  );
  assert.match(stdout, /\n\d+ passed, [1-9]\d* failed\n$/);
});

test('what is no folder, and a second one, are refused with a sentence', () => {
  const file = join(temporaryFolder(), 'file');
  writeFileSync(file, '');
  for (const args of [['/no/such/folder'], [file], [golden, golden]]) {
    const { status, stdout, stderr } = runGolden(...args);
    assert.deepEqual([status, stdout], [2, '']);
    assert.match(stderr, /^(folder is '.*'; expected a folder of|golden takes one folder;).*\n$/);
  }
});

test('a folder without any kind does not pass', () => {
  const { status, stdout } = runGolden(temporaryFolder());
  assert.equal(status, 1);
  assert.match(stdout, /\n0 passed, 0 failed\n$/);
});

test(`the repository's golden files take less than ${MOST_MEGABYTES} MB`, () => {
  const sizes = readdirSync(golden, { recursive: true, encoding: 'utf8' }).map((name) =>
    statSync(join(golden, name)),
  );
  const bytes = sizes.reduce((sum, entry) => sum + (entry.isFile() ? entry.size : 0), 0);
  assert.ok(bytes < MOST_MEGABYTES * 1e6, `${bytes} bytes`);
});
