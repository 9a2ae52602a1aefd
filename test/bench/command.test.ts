/** `incache bench`: what the installed package can time. */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { incache, Workplace } from '../cli/run.js';

const place = new Workplace();
after(() => place[Symbol.dispose]());
const QUICK = ['--size', 'DiT-S/8', '--rank', '16', '--rounds', '1', '--threads', '1'];

describe('incache bench', { concurrency: 2 }, () => {
  test('times every operation of a block on a backend', async () => {
    const { code, stdout, stderr } = await incache(
      ['bench', '--backend', 'wasm', '--json', ...QUICK],
      place.folder,
    );
    assert.equal(code, 0, stderr);
    const { size, rows } = JSON.parse(stdout);
    assert.equal(size, 'DiT-S/8');
    assert.deepEqual(
      rows.map(({ operation }: { operation: string }) => operation),
      [
        'layerNormModulate',
        'linear qkv',
        'attention',
        'linear proj',
        'linear fc1',
        'linear fc2',
        'calibratedLinear qkv',
        'calibratedLinear proj',
        'calibratedMlp',
      ],
    );
    for (const row of rows) {
      assert.deepEqual([row.backend, row.weights, row.threads], ['wasm', 'f32', 1]);
      assert.ok(row.milliseconds > 0 && row.gigabytes > 0 && row.copyGigabytes > 0 && row.loopGflops > 0);
      assert.equal(row.gflops === null, row.operation === 'layerNormModulate');
    }
  });

  test('prints a table of all that are present', async () => {
    const { code, stdout, stderr } = await incache(['bench', ...QUICK], place.folder);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /^(incache: note: .*\n)*$/);
    assert.match(stdout, /^DiT-S\/8 +operation +ms +GFLOP\/s +of the loop +GB\/s +of a copy$/m);
    assert.match(stdout, /^wasm f32, 1 thread +calibratedMlp +[\d.]+ +[\d.]+ +\d+ % of \d+ /m);
  });

  test('refuses what there is not', async () => {
    for (const [args, message] of [
      [['--backend', 'none'], /^incache: backend is 'none'; expected one of .*wasm/],
      [['--size', 'DiT-Q/2'], /^incache: model size is 'DiT-Q\/2'/],
      [['--size', 'DiT-S/2', '--rank', '385'], /^incache: rank is 385; expected/],
    ] as const) {
      const { code, stdout, stderr } = await incache(['bench', ...args], place.folder);
      assert.deepEqual([code, stdout], [2, '']);
      assert.match(stderr, message);
    }
  });

  test('has help', async () => {
    const { stdout } = await incache(['bench', '--help'], place.folder);
    assert.match(stdout, /^Usage: incache bench \[options\]\n\n[A-Z]/);
  });
});
