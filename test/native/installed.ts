/** The library as it is installed, and the examples in C and C++ that are built with it and draw what the pipeline draws. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { backends } from '../../src/backend/choose.js';
import { FactorSet } from '../../src/cache/data/factorSet.js';
import { EMBEDDED_CALIBRATION_IMAGES, EMBEDDED_MODEL } from '../../src/embedded.js';
import { modelFolder } from '../../src/modelPackages.js';
import type { Picture } from '../../src/pipeline/picture.js';
import { Pipeline } from '../../src/pipeline/pipeline.js';
import { CLI } from '../cli/run.js';
import { assertClose } from '../support/compare.js';
import { temporaryFolder } from '../support/folder.js';
import { goldenFolder } from '../support/golden.js';
import { build, isPresent, ROOT, run } from './tools.js';

const IMAGES = 4;
const STEPS = 6;
const SEED = 7;
const SIDE = 32;

const emoji = modelFolder('emoji');

/** A latent model with its autoencoder, as diffusers writes them. */
const LATENT_MODEL = join(goldenFolder(), 'checkpoints/diffusers-dit/current');

/** Without the addon its kernels cannot be compared with themselves, but with others they agree as well. */
const backend = (): string =>
  backends().some(({ name, available }) => name === 'native' && available) ? 'native' : 'wasm';

/** `tree`: where CMake has built the library. */
export function testInstalled(tree: string): void {
  describe('the installed library', () => {
    const folder = temporaryFolder();
    const path = (...names: string[]) => join(folder, ...names);
    const prefix = path('prefix');

    before(() => run('cmake', ['--install', tree, '--prefix', prefix]));

    test('has a header, both libraries and what CMake and pkg-config look for', () => {
      for (const file of ['incache.h', 'incache/sampler.h'])
        assert.ok(existsSync(path('prefix/include', file)), file);
      for (const file of ['lib/libincache.a', 'lib/pkgconfig/incache.pc'])
        assert.ok(existsSync(join(prefix, file)), file);
      assert.ok(readdirSync(path('prefix/lib')).some((name) => /^libincache\.(so|dylib)$/.test(name)));
      assert.ok(existsSync(path('prefix/lib/cmake/incache/incache-config.cmake')));
    });

    test('is found by pkg-config', { skip: isPresent('pkg-config') ? false : 'it is not installed' }, () => {
      const flags = run('pkg-config', ['--cflags', '--libs', 'incache'], {
        PKG_CONFIG_PATH: path('prefix/lib/pkgconfig'),
      });
      const [include, library, name] = flags.trim().split(/\s+/);
      assert.ok(existsSync(join(include!.replace('-I', ''), 'incache.h')), flags);
      assert.ok(existsSync(join(library!.replace('-L', ''), 'libincache.a')), flags);
      assert.equal(name, '-lincache');
    });

    describe('with the examples', () => {
      const program = path('embed-c', 'embed');
      const seeds = path('cpp-app', 'draw');
      const model = path('digits.incache');
      const factors = path('factors.safetensors');

      before(() => {
        for (const example of ['embed-c', 'cpp-app'])
          build(join(ROOT, 'examples', example), path(example), { CMAKE_PREFIX_PATH: prefix });
        const source = ['--images', EMBEDDED_CALIBRATION_IMAGES, '--count', '4', '--batch', '4'];
        run(process.execPath, [CLI, 'calibrate', '--rank', '16', ...source, '--out', factors]);
        const policy = ['--policy', 'calibrated', '--period', '2', '--factors', factors];
        const batch = ['--steps', String(STEPS), '--images', String(IMAGES)];
        run(process.execPath, [CLI, 'export', ...policy, ...batch, '--out', model]);
      });

      test('draws what the pipeline draws for the seed', async () => {
        run(program, [model, path('drawn'), String(SEED)]);
        const latents = await expected(SEED);
        const bytes = readFileSync(path('drawn/latents.f32'));
        assertClose(new Float32Array(new Uint8Array(bytes).buffer), latents, 1e-4, 'latents');
        comparePictures(latents, (image) => `drawn/000${image}.pgm`);
      });

      test('draws a batch for each seed, in C++', async () => {
        run(seeds, [model, path('batches'), String(SEED), String(SEED + 1)]);
        for (const seed of [SEED, SEED + 1])
          comparePictures(await expected(seed), (image) => `batches/${seed}-${image}.pgm`);
        assert.throws(() => run(seeds, [model, path('batches')]), /ended with 1:\nusage: draw/);
        assert.throws(
          () => run(seeds, [model, path('batches'), '1e3']),
          /the seed is '1e3'; expected a whole/,
        );
        assert.throws(
          () => run(seeds, [path('no.incache'), path('batches'), '1']),
          /cannot open .*no\.incache/,
        );
      });

      test('draws in colour what the pipeline makes of the latents of a model with an autoencoder', async () => {
        const file = path('latent.incache');
        const sampling = ['--steps', String(STEPS), '--images', '2'];
        run(process.execPath, [CLI, 'export', '--model', LATENT_MODEL, ...sampling, '--out', file]);
        run(program, [file, path('coloured'), String(SEED)]);
        await using pipeline = await Pipeline.load(LATENT_MODEL, { backend: backend() });
        const { images } = await pipeline.generate({ labels: [0, 1], steps: STEPS, seed: SEED });
        for (const [place, picture] of images.entries()) compareColour(`coloured/000${place}.ppm`, picture);
      });

      test('draws what prompts say, from saved embeddings', {
        skip: emoji ? false : 'no model of emoji',
      }, async () => {
        const prompts = ['a red apple', 'fire'];
        const file = path('emoji.incache');
        const words = path('words.safetensors');
        const flags = ['--model', emoji!];
        const said = prompts.flatMap((prompt) => ['--prompt', prompt]);
        run(process.execPath, [CLI, 'embed', ...flags, ...said, '--out', words]);
        const policy = ['--policy', 'reuse', '--steps', String(STEPS), '--images', '2'];
        run(process.execPath, [CLI, 'export', ...flags, ...policy, '--out', file]);
        assert.throws(
          () => run(program, [file, path('worded'), '7']),
          /text: the model takes texts; give a file/,
        );
        run(program, [file, path('worded'), String(SEED), words]);
        await using pipeline = await Pipeline.load(emoji!, { backend: backend() });
        const cache = { policy: 'reuse' } as const;
        const { images, latents } = await pipeline.generate({ prompts, steps: STEPS, seed: SEED, cache });
        const drawn = readFileSync(path('worded/latents.f32'));
        assertClose(new Float32Array(new Uint8Array(drawn).buffer), latents, 1e-5, 'latents');
        for (const [place, picture] of images.entries()) compareColour(`worded/000${place}.ppm`, picture);
      });

      test('says what a file without pictures lacks', () => {
        const file = path('undecoded.incache');
        const flags = ['--model', LATENT_MODEL, '--steps', '1', '--no-decoder'];
        run(process.execPath, [CLI, 'export', ...flags, '--out', file]);
        assert.throws(() => run(program, [file, path('drawn')]), /export it with its autoencoder/);
      });

      test('fails with the sentence of the library', () => {
        assert.throws(
          () => run(program, [path('no.incache'), path('drawn')]),
          /ended with 1:\nmodel: cannot open .*no\.incache: No such file or directory/,
        );
        assert.throws(() => run(program, [factors, path('drawn')]), /its metadata has no 'incache'/);
        assert.throws(
          () => run(program, [model, path('drawn'), '1e3']),
          /expected a whole number as the seed/,
        );
      });

      async function expected(seed: number): Promise<Float32Array> {
        await using pipeline = await Pipeline.load(EMBEDDED_MODEL, { backend: backend() });
        const cache = { policy: 'calibrated', period: 2, factors: FactorSet.load(factors) } as const;
        const labels = Array.from({ length: IMAGES }, (_, i) => i);
        const { latents, shape } = await pipeline.generate({
          labels,
          steps: STEPS,
          seed,
          batch: IMAGES,
          cache,
        });
        assert.deepEqual(shape, [IMAGES, 1, SIDE, SIDE]);
        return latents;
      }

      function compareColour(name: string, { data, width, height }: Picture): void {
        const drawn = readFileSync(path(name));
        const header = `P6\n${width} ${height}\n255\n`;
        assert.equal(drawn.subarray(0, header.length).toString('latin1'), header);
        const values = drawn.subarray(header.length);
        assert.equal(values.length, data.length);
        const off = values.findIndex((value, i) => Math.abs(value - data[i]!) > 1);
        assert.equal(off, -1, `${name}: byte ${off} is ${values[off]}; expected ${data[off]}`);
      }

      function comparePictures(latents: Float32Array, nameOf: (image: number) => string): void {
        for (let image = 0; image < IMAGES; image++) {
          const pixels = latents.subarray(image * SIDE * SIDE, (image + 1) * SIDE * SIDE);
          comparePicture(readFileSync(path(nameOf(image))), pixels);
        }
      }

      function comparePicture(file: Uint8Array, pixels: Float32Array): void {
        const header = `P5\n${SIDE} ${SIDE}\n255\n`;
        assert.equal(Buffer.from(file.subarray(0, header.length)).toString('latin1'), header);
        const values = file.subarray(header.length);
        assert.equal(values.length, pixels.length);
        for (const [i, value] of values.entries()) {
          const wanted = (Math.min(Math.max(pixels[i]!, -1), 1) + 1) * 127.5;
          assert.ok(Math.abs(value - wanted) < 0.6, `pixel ${i} is ${value}; expected ${wanted}`);
        }
      }
    });
  });
}
