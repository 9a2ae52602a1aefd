/** Scripts and benchmarks answer --help before they do anything. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const run = promisify(execFile);

for (const file of [
  ...['fuzz', 'golden', 'cuda-report', 'sanitize', 'prebuild', 'test', 'plan-tables'].map(
    (name) => `scripts/${name}.mjs`,
  ),
  ...[
    'main',
    'whole',
    'report',
    'block/main',
    'scaling/main',
    'browser/main',
    'stability/main',
    'cuda/main',
  ].map((name) => `dist/bench/${name}.js`),
])
  test(`${file} --help`, { timeout: 60_000 }, async () => {
    const { stdout, stderr } = await run(process.execPath, [file, '--help'], { cwd: root });
    assert.equal(stderr, '');
    assert.match(stdout, /^(?:[A-Z`]|npm run|node )[\s\S]{40,}/);
    assert.doesNotMatch(stdout, /^ ?\*/m);
  });
