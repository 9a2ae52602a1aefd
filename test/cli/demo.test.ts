/** `incache demo` with few steps. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { decode } from 'fast-png';
import { incache, Workplace } from './run.js';

test('three rows of ten digits, and what they cost', async () => {
  using place = new Workplace();
  const { code, stdout, stderr } = await incache(['demo', '--steps', '4', '--json'], place.folder);
  assert.equal(code, 0, stderr);
  assert.equal(stderr, '');
  assert.match(stdout, /^\{.*\}\n$/);
  const { out, rows } = JSON.parse(stdout);
  assert.equal(out, 'demo.png');
  assert.deepEqual(place.files, ['demo.png']);
  const { width, height } = decode(readFileSync(place.path('demo.png')));
  assert.deepEqual([width, height], [10 * 34 + 2, 3 * 34 + 2]);
  const [full, reuse, calibrated] = rows;
  assert.equal(rows.length, 3);
  assert.equal(full.psnr, null);
  assert.ok(reuse.macRatio < calibrated.macRatio && calibrated.macRatio < 1);
  assert.ok(calibrated.psnr > reuse.psnr + 1, `calibrated ${calibrated.psnr} dB, reuse ${reuse.psnr} dB`);
});
