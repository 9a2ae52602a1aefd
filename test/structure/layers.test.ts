/** Who may import whom (docs/architecture.md): a folder reaches only into those it is listed with. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const source = fileURLToPath(new URL('../../../src/', import.meta.url));

/** Beside its own files, those at the root of src (errors, version, embedded) and what every system gives (platform). */
const ALLOWED: Record<string, readonly string[]> = {
  plan: [],
  platform: ['backend', 'engine', 'models', 'pipeline', 'weights'],
  weights: [],
  text: ['weights'],
  diffusion: [],
  evaluate: ['cache', 'calibrate', 'diffusion', 'engine', 'models', 'pipeline', 'plan', 'text', 'weights'],
  models: ['plan', 'weights'],
  backend: ['plan'],
  browser: ['backend', 'cache', 'calibrate', 'engine', 'evaluate', 'models', 'pipeline', 'plan', 'weights'],
  bench: ['backend', 'models', 'plan'],
  cache: ['models', 'weights'],
  engine: ['backend', 'cache', 'models', 'plan', 'weights'],
  calibrate: ['backend', 'cache', 'diffusion', 'engine', 'models', 'plan', 'weights'],
  experiment: ['cache', 'calibrate', 'diffusion', 'evaluate', 'models', 'pipeline', 'weights'],
  export: ['backend', 'cache', 'calibrate', 'diffusion', 'engine', 'models', 'pipeline', 'plan', 'weights'],
  pipeline: ['backend', 'cache', 'calibrate', 'diffusion', 'engine', 'models', 'plan', 'text', 'weights'],
};

test('every folder but cli, which may import all, is listed', () => {
  const folders = readdirSync(source, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  assert.deepEqual(folders.map(({ name }) => name).sort(), [...Object.keys(ALLOWED), 'cli'].sort());
});

for (const [folder, allowed] of Object.entries(ALLOWED))
  test(`${folder} imports only ${allowed.join(', ') || 'itself'}`, () => {
    for (const file of readdirSync(`${source}${folder}`, { recursive: true, encoding: 'utf8' })) {
      if (!file.endsWith('.ts')) continue;
      const depth = file.split(/[\\/]/).length;
      const outward = new RegExp(`from '(?:\\.\\./){${depth}}(\\w+)/`, 'g');
      for (const [, target] of readFileSync(`${source}${folder}/${file}`, 'utf8').matchAll(outward))
        assert.ok(
          target === 'platform' || allowed.includes(target!),
          `${folder}/${file} imports from ${target}`,
        );
    }
  });
