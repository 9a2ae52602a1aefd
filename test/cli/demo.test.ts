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
  assert.ok(width > 2 * 128 && height > 4 * 128, `${width} x ${height}`);
  assert.equal(channels, 3);
  const names = rows.map(({ policy }: { policy: string }) => policy);
  assert.deepEqual(names.slice(0, 3), ['full', '2 steps', 'reuse, p = 2']);
  // The recipe is for another number of steps.
  assert.equal(names.length, 4);
  assert.match(names[3], /^calibrated, p = 2, \w+, r = \d+$/);
  const [full, , reuse, calibrated] = rows;
  assert.equal(full.psnr, null);
  assert.ok(reuse.macRatio < calibrated.macRatio && calibrated.macRatio < 1);
  assert.ok(calibrated.psnr > reuse.psnr, `calibrated ${calibrated.psnr} dB, reuse ${reuse.psnr} dB`);
});

test('whatever the words are, there is a picture', async () => {
  using place = new Workplace();
  const prompts = ['word '.repeat(1000), 'красное яблоко', '赤いりんご', '🍎', '\u202e\u0007'];
  const { code, stdout, stderr } = await incache(
    ['demo', '--steps', '2', ...prompts.flatMap((prompt) => ['--prompt', prompt])],
    place.folder,
  );
  assert.equal(code, 0, stderr);
  assert.deepEqual(place.files, ['demo.png']);
  assert.match(stdout, /^reuse, p = 2 /m);
  // No control characters of the prompts reach the terminal.
  for (const character of '\u0007\u202e') assert.ok(!stdout.includes(character));
});
