/** The version that programs are told, bundled or not, is that of the package. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { VERSION } from '../../src/version.js';

test('the version is that of package.json', () => {
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
  assert.equal(VERSION, JSON.parse(text).version);
});

test('the platform packages are of the same version, asked for exactly, and not fetched in a checkout', () => {
  const read = (path: string) =>
    JSON.parse(readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8'));
  const { version, optionalDependencies } = read('package.json');
  const { packages } = read('package-lock.json');
  for (const platform of ['linux-x64', 'linux-arm64']) {
    const name = `@incache/${platform}`;
    const own = read(`npm/${platform}/package.json`);
    assert.deepEqual([own.name, own.version, optionalDependencies[name]], [name, version, version]);
    assert.deepEqual(packages[`node_modules/${name}`], { resolved: `npm/${platform}`, link: true });
    assert.deepEqual([own.os, own.cpu], [['linux'], [platform.split('-')[1]]]);
  }
});

test('the server is of the same version and asks for that engine', () => {
  const text = readFileSync(new URL('../../../server/package.json', import.meta.url), 'utf8');
  const { version, peerDependencies } = JSON.parse(text);
  assert.deepEqual([version, peerDependencies.incache], [VERSION, VERSION]);
});
