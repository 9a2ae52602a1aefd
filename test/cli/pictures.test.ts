/** `incache sample` on a model of latents: pictures by its autoencoder, previews, and latents that are never lost. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { decode } from 'fast-png';
import { Pipeline } from '../../src/index.js';
import { writeNpz } from '../../src/weights/npz.js';
import { readNpz } from '../support/npz.js';
import { spoiltAutoencoder } from '../support/spoiltAutoencoder.js';
import { incache, Workplace } from './run.js';

const GOLDEN = fileURLToPath(new URL('../../../test/golden/checkpoints', import.meta.url));
/** A DiT on 8 x 8 latents of 4 channels and an autoencoder that doubles the sides. */
const MODEL = join(GOLDEN, 'diffusers-dit/current');
const ALONE = join(GOLDEN, 'meta-dit/weights.safetensors');
const SIDE = 16;
const GAP = 2;
const RUN = ['--labels', '3,5', '--steps', '3', '--seed', '2'];

describe('pictures of latents', { concurrency: 2 }, () => {
  test('a grid in colour is the default of a folder with an autoencoder', async () => {
    using place = new Workplace();
    const { code, stdout, stderr } = await incache(
      ['sample', '--model', MODEL, ...RUN, '--columns', '2'],
      place.folder,
    );
    assert.equal(code, 0, stderr);
    assert.deepEqual(place.files, ['samples.png']);
    assert.match(stdout, /^samples\.png: 2 images, 3 steps, .*, decoded in [\d.]+ s$/m);
    const png = decode(readFileSync(place.path('samples.png')));
    assert.deepEqual([png.width, png.height, png.channels], [2 * (SIDE + GAP) + GAP, SIDE + 2 * GAP, 3]);
    await using pipeline = await Pipeline.load(MODEL);
    const { images } = await pipeline.generate({ labels: [3, 5], steps: 3, seed: 2 });
    assert.equal(images.length, 2);
    for (const [place, { data, width, height }] of images.entries()) {
      assert.deepEqual([width, height], [SIDE, SIDE]);
      for (let y = 0; y < SIDE; y++) {
        const start = ((GAP + y) * png.width + GAP + place * (SIDE + GAP)) * 3;
        assert.deepEqual(
          Uint8Array.from(png.data.subarray(start, start + 3 * SIDE)),
          data.slice(3 * SIDE * y, 3 * SIDE * (y + 1)),
          `row ${y} of image ${place}`,
        );
      }
    }
  });

  test('an autoencoder by its name, of every form, and one PNG for each image', async () => {
    for (const vae of ['vae/small', 'vae/sd-ckpt/model.ckpt', 'diffusers-dit/published/vae']) {
      using place = new Workplace();
      const args = ['sample', '--model', ALONE, '--heads', '4', '--vae', join(GOLDEN, vae), ...RUN];
      const { code, stderr } = await incache([...args, '--single', '-o', 'out'], place.folder);
      assert.equal(code, 0, stderr);
      const { width, channels } = decode(readFileSync(place.path('out/0001.png')));
      assert.deepEqual([width, channels], [SIDE, 3], vae);
    }
  });

  test('previews while it runs: small, and the finished grid in their place', async () => {
    using place = new Workplace();
    const args = ['sample', '--model', MODEL, ...RUN, '--preview', '1', '--single', '-o', 'out'];
    const { code, stderr } = await incache(args, place.folder);
    assert.equal(code, 0, stderr);
    assert.deepEqual(place.files, ['out', 'out.preview.png']);
    const preview = decode(readFileSync(place.path('out.preview.png')));
    assert.deepEqual([preview.height, preview.channels], [SIDE / 2 + 2 * GAP, 3]);
  });

  test('without an autoencoder a PNG is refused before the work, and latents are what is written', async () => {
    using place = new Workplace();
    const args = ['sample', '--model', ALONE, '--heads', '4', ...RUN];
    const refused = await incache([...args, '-o', 'a.png'], place.folder);
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /has 4 latent channels and no autoencoder .*--vae/);
    assert.deepEqual(place.files, []);
    const { code } = await incache(args, place.folder);
    assert.equal(code, 0);
    assert.deepEqual(place.files, ['samples.npz']);
  });

  test('latents that cannot be decoded are kept; the sentence says where, and the command that makes pictures of them', async () => {
    using place = new Workplace();
    const vae = spoiltAutoencoder(join(GOLDEN, 'vae/small'), place.path('vae'));
    const args = ['sample', '--model', ALONE, '--heads', '4', ...RUN];
    const failed = await incache([...args, '--vae', vae, '-o', 'a.png'], place.folder);
    assert.equal(failed.code, 2, failed.stderr);
    assert.match(
      failed.stderr,
      /^incache: the latents could not be decoded and are in a\.latents\.npz: .*decoder\.conv_out\.weight.*`incache decode a\.latents\.npz --vae \S+vae` tries again$/m,
    );
    assert.deepEqual(readNpz(place.path('a.latents.npz')).get('samples')?.shape, [2, 4, SIDE / 2, SIDE / 2]);
    const sound = join(GOLDEN, 'vae/small');
    const decoded = await incache(['decode', 'a.latents.npz', '--vae', sound], place.folder);
    assert.equal(decoded.code, 0, decoded.stderr);
    assert.match(decoded.stdout, /^a\.png: 2 images of 16 x 16, decoded in/);
    assert.equal((await incache([...args, '--vae', sound, '-o', 'b.png'], place.folder)).code, 0);
    assert.deepEqual(readFileSync(place.path('a.png')), readFileSync(place.path('b.png')));
  });

  test('decode: tiles, single pictures, pictures themselves, and refusals', async () => {
    using place = new Workplace();
    const vae = join(GOLDEN, 'vae/small');
    const write = (name: string, shape: number[], value = 0.5) =>
      writeNpz(place.path(name), {
        z: { shape, data: new Float32Array(shape.reduce((a, b) => a * b)).fill(value) },
      });
    write('z.npz', [2, 4, 12, 10]);
    write('grey.npz', [1, 1, 4, 4]);
    write('flat.npz', [4, 12, 10]);
    write('bad.npz', [1, 4, 4, 4], Number.NaN);
    const run = (...args: string[]) => incache(['decode', ...args], place.folder);
    const tiled = await run('z.npz', '--vae', vae, '--tiles', 'always', '--tile-size', '8', '--single');
    assert.equal(tiled.code, 0, tiled.stderr);
    const { width, height } = decode(readFileSync(place.path('z/0001.png')));
    assert.deepEqual([width, height], [20, 24]);
    const scaled = await run('z.npz', '--vae', vae, '--scaling-factor', '0.5', '--json', '-o', 's.png');
    assert.equal(JSON.parse(scaled.stdout).images, 2);
    assert.equal((await run('z.npz', '--vae', vae)).code, 0);
    assert.notDeepEqual(readFileSync(place.path('s.png')), readFileSync(place.path('z.png')));
    assert.equal((await run('grey.npz')).code, 0);
    const refused = async (message: RegExp, ...args: string[]) => {
      const { code, stderr } = await run(...args);
      assert.deepEqual([code, stderr.split('\n').length], [2, 2], stderr);
      assert.match(stderr, message);
    };
    await refused(/^incache: vae is missing; expected an autoencoder of 4 latent channels/, 'z.npz');
    await refused(/array 'z' has shape \[4,12,10\]; expected latents/, 'flat.npz', '--vae', vae);
    await refused(/values that are not finite/, 'bad.npz', '--vae', vae);
    await refused(/expected 4 channels, as \S+small has/, 'grey.npz', '--vae', vae);
    await refused(
      /array is 'y'; expected one of the arrays of z\.npz: z/,
      'z.npz',
      '--vae',
      vae,
      '--array',
      'y',
    );
    await refused(
      /out is 'a\.jpg'; expected a name that ends in \.png,/,
      'z.npz',
      '--vae',
      vae,
      '-o',
      'a.jpg',
    );
    await refused(/scaling-factor is 0; expected/, 'z.npz', '--vae', vae, '--scaling-factor', '0');
    await refused(/none\.npz/, 'none.npz', '--vae', vae);
  });
});
