/** `incache demo` with few steps. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { decode } from 'fast-png';
import { incache, Workplace } from './run.js';

test('rows of emoji from words, and what each cost', async () => {
  using place = new Workplace();
  const prompts = ['--prompt', 'a red apple', '--prompt', ''];
  const { code, stdout, stderr } = await incache(
    ['demo', '--steps', '4', '--json', ...prompts],
    place.folder,
  );
  assert.equal(code, 0, stderr);
  assert.equal(stderr, '');
  assert.match(stdout, /^\{.*\}\n$/);
  const { out, images, rows } = JSON.parse(stdout);
  assert.equal(out, 'demo.png');
  assert.deepEqual(images, ['a red apple', '']);
  assert.deepEqual(place.files, ['demo.png']);
  const { width, height, channels } = decode(readFileSync(place.path('demo.png')));
  assert.deepEqual([width, height, channels], [2 * 66 + 2, 5 * 66 + 2, 3]);
  assert.deepEqual(
    rows.map(({ policy }: { policy: string }) => policy),
    ['full', '2 steps', 'reuse, p = 2', 'calibrated, p = 2, svd, r = 32', 'taylorseer, p = 2'],
  );
  const [full, , reuse, calibrated] = rows;
  assert.equal(full.psnr, null);
  assert.ok(reuse.macRatio < calibrated.macRatio && calibrated.macRatio < 1);
  assert.ok(calibrated.psnr > reuse.psnr, `calibrated ${calibrated.psnr} dB, reuse ${reuse.psnr} dB`);
});
