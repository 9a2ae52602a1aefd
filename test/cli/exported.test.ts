/** `incache sample` with a file of `incache export`: the outputs of its checkpoint, and no option that the file has fixed. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { incache, Workplace } from './run.js';

const GOLDEN = fileURLToPath(new URL('../../../test/golden/checkpoints', import.meta.url));
const MODEL = join(GOLDEN, 'diffusers-dit/current');

describe('an exported file', { concurrency: 2 }, () => {
  const place = new Workplace();
  const run = (...args: string[]) => incache(args, place.folder);
  const sample = (...args: string[]) => run('sample', '--labels', '3,5,1', '--seed', '4', ...args);
  const bytes = (name: string) => readFileSync(place.path(name));

  before(async () => {
    for (const args of [
      ['-o', 'm.incache'],
      ['--no-decoder', '-o', 'latents.incache'],
    ]) {
      const { code, stderr } = await run('export', '-m', MODEL, '--steps', '4', '-n', '2', ...args);
      assert.equal(code, 0, stderr);
    }
  });
  after(() => place[Symbol.dispose]());

  test('gives the grid, single pictures, arrays and previews of the checkpoint', async () => {
    const checkpoint = ['-m', MODEL, '--steps', '4', '--batch', '2', '--preview', '1'];
    const file = ['-m', 'm.incache', '--preview', '1'];
    for (const [name, args] of [
      ['grid.png', []],
      ['one', ['--single']],
      ['raw.npz', []],
    ] as const) {
      for (const [from, options] of [
        ['a', checkpoint],
        ['b', file],
      ] as const) {
        const { code, stderr } = await sample(...options, ...args, '-o', `${from}-${name}`);
        assert.equal(code, 0, stderr);
      }
      const written = { 'grid.png': [''], one: ['/0000.png', '/0002.png', '.preview.png'], 'raw.npz': [''] };
      for (const rest of written[name])
        assert.deepEqual(bytes(`a-${name}${rest}`), bytes(`b-${name}${rest}`), `${name}${rest}`);
    }
  });

  test('reports what it was exported as', async () => {
    const { stdout } = await sample('-m', 'm.incache', '-o', 'said.png');
    assert.match(stdout, /^said\.png: 3 images, 4 steps, .*decoded in .*\n.*; as exported: full ddim-4; /);
    const { exported, labels, images } = JSON.parse(
      (await sample('-m', 'm.incache', '-o', 'json.png', '--json')).stdout,
    );
    assert.deepEqual([exported, labels, images], ['full ddim-4', [3, 5, 1], 3]);
  });

  test('refuses options that it has fixed, by their names', async () => {
    for (const [option, value] of [
      ['steps', '4'],
      ['sampler', 'ddim'],
      ['guidance-scale', '1.5'],
      ['policy', 'none'],
      ['period', '2'],
      ['batch', '2'],
      ['vae', MODEL],
      ['heads', '4'],
    ] as const) {
      const { code, stderr } = await sample('-m', 'm.incache', `--${option}`, value);
      assert.equal(code, 2);
      assert.match(
        stderr,
        new RegExp(
          `^incache: ${option} is \\S+; expected no ${option}: m\\.incache was exported with its own$`,
          'm',
        ),
      );
    }
  });

  test('without a decoder gives latents, which decode makes pictures of', async () => {
    const refused = await sample('-m', 'latents.incache', '-o', 'no.png');
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /4 latent channels and was exported without a decoder/);
    const { code, stderr } = await sample('-m', 'latents.incache');
    assert.equal(code, 0);
    assert.match(stderr, /latents\.incache has no decoder.*incache decode/);
    for (const [vae, out] of [
      [MODEL, 'x.png'],
      ['m.incache', 'y.png'],
    ] as const)
      assert.equal((await run('decode', 'samples.npz', '--vae', vae, '-o', out)).code, 0);
    assert.equal((await sample('-m', 'm.incache', '-o', 'z.png')).code, 0);
    assert.deepEqual(bytes('x.png'), bytes('z.png'));
    assert.deepEqual(bytes('y.png'), bytes('z.png'));
  });
});
