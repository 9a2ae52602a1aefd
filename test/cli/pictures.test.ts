/** `incache sample` on a model of latents: pictures by its autoencoder, previews, and latents that are never lost. */
import assert from 'node:assert/strict';
import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { decode } from 'fast-png';
import { DiTPipeline } from '../../src/index.js';
import { SafetensorsFile, writeSafetensors } from '../../src/weights/safetensors.js';
import { readNpz } from '../support/npz.js';
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
    await using pipeline = await DiTPipeline.load(MODEL);
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

  test('latents that cannot be decoded are kept, and the sentence says where', async () => {
    using place = new Workplace();
    const vae = place.path('vae');
    cpSync(join(GOLDEN, 'vae/small'), vae, { recursive: true });
    const file = 'diffusion_pytorch_model.safetensors';
    using source = SafetensorsFile.open(join(GOLDEN, 'vae/small', file));
    const spoilt = source.names.map((name) => {
      const data = source.read(name);
      if (name === 'decoder.conv_out.weight') data[0] = Number.NaN;
      return { name, dtype: 'F32' as const, shape: source.entry(name).shape, data };
    });
    writeSafetensors(join(vae, file), spoilt);
    const args = ['sample', '--model', ALONE, '--heads', '4', '--vae', vae, ...RUN, '-o', 'a.png'];
    const { code, stderr } = await incache(args, place.folder);
    assert.equal(code, 2, stderr);
    assert.match(
      stderr,
      /^incache: the latents could not be decoded and are in a\.latents\.npz: .*decoder\.conv_out\.weight/,
    );
    assert.deepEqual(readNpz(place.path('a.latents.npz')).get('samples')?.shape, [2, 4, SIDE / 2, SIDE / 2]);
  });
});
