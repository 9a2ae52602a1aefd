/** The WGSL in the repository is what gpu.js makes of `gpujs`. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const skip = existsSync(`${root}bench/peers/node_modules/gpu.js`)
  ? false
  : 'gpu.js is not installed (npm run bench:peers)';

test('src/backend/gpu/translated.ts is up to date', { skip }, () => {
  const { status, stderr } = spawnSync(process.execPath, [`${root}scripts/gpu-kernels.mjs`, '--check'], {
    encoding: 'utf8',
  });
  assert.equal(stderr, '');
  assert.equal(status, 0);
});
