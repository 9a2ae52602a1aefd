/** Folders of diffusers on the command line: pictures through the autoencoder, wherever it lies, and what is no such folder. */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { after, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { decode } from 'fast-png';
import { writeSafetensors } from '../../src/weights/index.js';
import { testRefusals } from './refused.js';
import { incache, Workplace } from './run.js';

const golden = fileURLToPath(new URL('../../../test/golden/checkpoints', import.meta.url));
const FOLDER = `${golden}/diffusers-dit/current`;
const META = ['--model', `${golden}/meta-dit/meta-dit.pt`, '--heads', '4'];
const RUN = ['--steps', '3', '--labels', '1'];
/** Two levels more than the latent: 8 x 8 latents are 16 x 16 pixels. */
const SIDE = 16;

describe('pictures of a latent model', { concurrency: 2 }, () => {
  for (const [where, args] of [
    ['in the folder of the model', ['--model', FOLDER]],
    ['in a folder', [...META, '--vae', `${FOLDER}/vae`]],
    ['in the folder of a whole pipeline', [...META, '--vae', FOLDER]],
    [
      'in a file beside its config.json',
      [...META, '--vae', `${FOLDER}/vae/diffusion_pytorch_model.safetensors`],
    ],
    ['in a Stable Diffusion checkpoint', [...META, '--vae', `${golden}/vae/sd-ckpt/model.ckpt`]],
  ] as const)
    test(`the autoencoder lies ${where}: one image fills its PNG`, async () => {
      using place = new Workplace();
      const { code, stderr } = await incache(['sample', ...args, ...RUN, '-o', 'dog.png'], place.folder);
      assert.equal(code, 0, stderr);
      assert.deepEqual(place.files, ['dog.png']);
      const { width, height, channels } = decode(readFileSync(place.path('dog.png')));
      assert.equal(channels, 3);
      assert.equal(width, height);
      assert.ok(width >= SIDE && width % 8 === 0, `${width} pixels`);
    });

  test('without one the latents are written, and a note says how to get pictures', async () => {
    using place = new Workplace();
    const { code, stderr } = await incache(['sample', ...META, ...RUN], place.folder);
    assert.equal(code, 0);
    assert.match(stderr, /^incache: note: .*meta-dit\.pt has no autoencoder: .*--vae/);
    assert.deepEqual(place.files, ['samples.npz']);
  });

  test('previews lie beside what is no picture', async () => {
    using place = new Workplace();
    const preview = ['--model', FOLDER, ...RUN, '--preview', '1'];
    for (const out of [
      ['-o', 'a.npz'],
      ['--single', '-o', 'b/'],
    ]) {
      const { code, stderr } = await incache(['sample', ...preview, ...out], place.folder);
      assert.equal(code, 0, stderr);
    }
    assert.deepEqual(place.files, ['a.npz', 'a.preview.png', 'b', 'b.preview.png']);
  });
});

describe('what is no such model', { concurrency: 2 }, () => {
  const place = new Workplace();
  after(() => place[Symbol.dispose]());

  /** A copy of the folder, changed. */
  function changed(name: string, change: (folder: string) => void): string {
    cpSync(FOLDER, place.path(name), { recursive: true });
    change(place.path(name));
    return place.path(name);
  }
  /** A pipeline whose network has one tensor of the given name. */
  function networkWith(name: string, ...tensors: string[]): string {
    mkdirSync(place.path(`${name}/transformer`), { recursive: true });
    writeFileSync(place.path(`${name}/model_index.json`), '{}');
    writeFileSync(place.path(`${name}/transformer/config.json`), '{}');
    writeSafetensors(
      place.path(`${name}/transformer/diffusion_pytorch_model.safetensors`),
      tensors.map((tensor) => ({ name: tensor, dtype: 'F32', shape: [1], data: new Float32Array(1) })),
    );
    return place.path(name);
  }
  const vae = `${FOLDER}/vae`;
  const model = (path: string) => ['sample', '--model', path, ...RUN];

  testRefusals([
    {
      name: 'an autoencoder as the model',
      args: model(vae),
      says: [vae, 'those of an autoencoder, which option vae', 'expected a DiT'],
    },
    {
      name: 'a Stable Diffusion checkpoint as the model',
      args: model(networkWith('sd', 'model.diffusion_model.input_blocks.0.0.weight')),
      says: ['a U-Net; expected a DiT'],
    },
    {
      name: "a PixArt's folder whose configuration has no captions",
      args: model(networkWith('pixart', 'pos_embed.proj.weight', 'adaln_single.linear.weight')),
      says: ['caption_channels is null; expected a whole number'],
    },
    {
      name: "a file of PixArt's own names without the rest",
      args: model(networkWith('pixart-own', 'x_embedder.proj.weight', 't_block.1.weight')),
      says: ["tensor 'x_embedder.proj.weight' has shape [1]; expected 4 positive dimensions"],
    },
    {
      name: 'a folder of Stable Diffusion 3',
      args: model(networkWith('sd3', 'pos_embed.proj.weight', 'context_embedder.weight')),
      says: ['those of Stable Diffusion 3; expected a DiT'],
    },
    {
      name: 'a folder of Flux',
      args: model(networkWith('flux', 'x_embedder.weight', 'single_transformer_blocks.0.norm.linear.weight')),
      says: ['those of Flux; expected a DiT'],
    },
    {
      name: 'a transformer without its configuration',
      args: model(changed('no-config', (folder) => rmSync(`${folder}/transformer/config.json`))),
      says: ['sizes stand in config.json; it is not beside them'],
    },
    {
      name: 'an autoencoder without its weights',
      args: model(
        changed('no-weights', (folder) => rmSync(`${folder}/vae/diffusion_pytorch_model.safetensors`)),
      ),
      says: ['/vae has no file of weights'],
    },
    {
      name: 'an autoencoder whose configuration is needed and missing',
      args: model(changed('no-vae-config', (folder) => rmSync(`${folder}/vae/config.json`))),
      says: ['/vae needs its config.json', 'groups'],
    },
    {
      name: 'an autoencoder of another class',
      args: model(
        changed('tiny', (folder) =>
          writeFileSync(`${folder}/vae/config.json`, '{"_class_name": "AutoencoderTiny"}'),
        ),
      ),
      says: ['/vae/config.json', 'AutoencoderTiny', "expected 'AutoencoderKL'"],
    },
    {
      name: 'an autoencoder that was cut short',
      args: model(
        changed('short', (folder) =>
          writeFileSync(`${folder}/vae/diffusion_pytorch_model.safetensors`, 'ab'),
        ),
      ),
      says: ['/vae/diffusion_pytorch_model.safetensors'],
    },
    {
      name: 'an autoencoder for a model of pixels',
      args: ['sample', '--vae', vae, ...RUN],
      says: ['vae is ', 'expected no autoencoder', 'makes pictures without one'],
    },
    {
      name: 'a label that the folder does not have',
      args: ['sample', '--model', FOLDER, '--labels', 'golden retriver'],
      says: ["label is 'golden retriver'", "'golden retriever' (207)"],
    },
  ]);
});
