/** Sizes of pictures that the model was not trained on: made in the nearest shape, resized and cropped. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { exportModel } from '../../src/export/modelFile.js';
import { pixartNetwork } from '../../src/models/pixart/network.js';
import { type ResolvedSize, resolveSize, type SizeOptions } from '../../src/pipeline/pictureSize.js';
import { Pipeline } from '../../src/pipeline/pipeline.js';
import { resizeAndCrop } from '../../src/pipeline/resizeAndCrop.js';
import { assertClose } from '../support/compare.js';
import { temporaryFolder } from '../support/folder.js';
import { Random } from '../support/random.js';
import { writeTinyAutoencoder } from '../support/tinyAutoencoder.js';
import { TINY_PIXART, writeTinyPixArt } from '../support/tinyPixArt.js';

const folder = temporaryFolder();

describe('the size of the latents', () => {
  const resolve = (options: SizeOptions, inputSize = 64, sizeConditions = false) =>
    resolveSize(options, pixartNetwork({ ...TINY_PIXART, inputSize, sizeConditions }), () => 8);
  const cases: [string, ResolvedSize, ResolvedSize][] = [
    ['none asked for', resolve({}), { geometry: { height: 64, width: 64 } }],
    ['a shape of the model', resolve({ height: 704, width: 352 }), { geometry: { height: 88, width: 44 } }],
    [
      'another size',
      resolve({ height: 512, width: 768 }),
      { geometry: { height: 52, width: 76 }, pictureSize: { height: 512, width: 768 } },
    ],
    [
      'a side alone, of no whole patches',
      resolve({ width: 500 }),
      { geometry: { height: 64, width: 64 }, pictureSize: { height: 512, width: 500 } },
    ],
    [
      'what the network is told is what is decoded',
      resolve({ height: 1000, width: 1000 }, 128, true),
      {
        geometry: { height: 128, width: 128 },
        pixels: { height: 1024, width: 1024 },
        pictureSize: { height: 1000, width: 1000 },
      },
    ],
    [
      'exactly that size',
      resolve({ height: 512, width: 768, resolutionBinning: false }),
      { geometry: { height: 64, width: 96 } },
    ],
    ['a model of squares', resolve({ height: 32, width: 96 }, 16), { geometry: { height: 4, width: 12 } }],
  ];
  for (const [name, found, expected] of cases) test(name, () => assert.deepEqual(found, expected));

  test('is refused', () => {
    for (const [options, side, message] of [
      [{ height: 500, resolutionBinning: false }, 64, /^height is 500; expected a multiple of 16 pixels$/],
      [{ width: 0 }, 64, /^width is 0; expected an integer from 1 to 32768$/],
      [
        { resolutionBinning: true },
        16,
        /^resolutionBinning is true; expected false: the model was not trained/,
      ],
      [{ resolutionBinning: 1 as never }, 64, /^resolutionBinning is 1; expected true or false$/],
    ] as const)
      assert.throws(() => resolve(options, side), { name: 'ArgumentError', message });
  });
});

describe('resizing and cropping', () => {
  const planes = (channels: number, height: number, width: number) => {
    const data = new Random(2).normals(channels * height * width, 1);
    return { channels, height, width, data };
  };

  test('of the same size changes nothing', () => {
    const picture = planes(3, 5, 7);
    assert.equal(resizeAndCrop(picture, { height: 5, width: 7 }), picture);
  });

  /** As PyTorch's interpolate(mode='bilinear', align_corners=False) gives it for 0 to 3 in 2 x 2 made 4 x 4. */
  test('is bilinear between the centres of pixels', () => {
    const small = { channels: 1, height: 2, width: 2, data: Float32Array.from([0, 1, 2, 3]) };
    const { data } = resizeAndCrop(small, { height: 4, width: 4 });
    const rows = [
      [0, 0.25, 0.75, 1],
      [0.5, 0.75, 1.25, 1.5],
      [1.5, 1.75, 2.25, 2.5],
      [2, 2.25, 2.75, 3],
    ];
    assert.deepEqual([...data], rows.flat());
  });

  test('crops in the middle of what is larger, each channel by itself', () => {
    const picture = planes(2, 6, 11);
    const { data, height, width } = resizeAndCrop(picture, { height: 6, width: 6 });
    assert.deepEqual([height, width], [6, 6]);
    const expected = [0, 1].flatMap((channel) =>
      [0, 1, 2, 3, 4, 5].flatMap((row) => [
        ...picture.data.subarray((channel * 6 + row) * 11 + 2).subarray(0, 6),
      ]),
    );
    assert.deepEqual([...data], expected);
  });

  test('of a slope is a slope, whatever the sizes', () => {
    for (const [from, to] of [
      [
        [9, 16],
        [20, 20],
      ],
      [
        [16, 9],
        [5, 7],
      ],
      [
        [13, 19],
        [16, 24],
      ],
    ] as const) {
      const [height, width] = from;
      const data = Float32Array.from({ length: height * width }, (_, i) => (i % width) / width);
      const out = resizeAndCrop({ channels: 1, height, width, data }, { height: to[0], width: to[1] });
      const middle = out.data.subarray(Math.floor(to[0] / 2) * to[1], (Math.floor(to[0] / 2) + 1) * to[1]);
      const step = middle[2]! - middle[1]!;
      const inner = middle.subarray(1, -1);
      assertClose(
        inner,
        inner.map((_, i) => middle[1]! + i * step),
        1e-5,
        `${from} to ${to}`,
      );
    }
  });
});

describe('a model of many shapes', () => {
  let pipeline: Pipeline;
  before(async () => {
    const config = { inputSize: 32, depth: 1 };
    const model = writeTinyPixArt(join(folder, 'bins.safetensors'), config);
    const vae = writeTinyAutoencoder(join(folder, 'vae'));
    pipeline = await Pipeline.load(model, { backend: 'wasm', threads: 1, vae });
  });
  after(() => pipeline.dispose());
  const width = TINY_PIXART.captionChannels;
  const embeddings = { prompts: [{ values: new Float32Array(width).fill(1), length: 1, width }] };
  const run = { embeddings, guidanceScale: 1, steps: 1 };

  test('draws in the nearest and gives the size that was asked for', async () => {
    const { pixelsPerLatent } = pipeline.decoder;
    const asked = { height: 19 * pixelsPerLatent + 1, width: 40 * pixelsPerLatent };
    const { images, shape, pictureSize } = await pipeline.generate({ ...run, ...asked });
    assert.deepEqual(shape, [1, 4, 22, 46]);
    assert.deepEqual(pictureSize, asked);
    const [picture] = images;
    assert.deepEqual([picture!.height, picture!.width], [asked.height, asked.width]);
  });

  test('is not exported in a size that a program would have to resize', async () => {
    const { pixelsPerLatent } = pipeline.decoder;
    const size = { height: 32 * pixelsPerLatent, width: 28 * pixelsPerLatent };
    const target = join(folder, 'bins.incache');
    await assert.rejects(exportModel(pipeline, target, { ...size, steps: 1, guidanceScale: 1 }), {
      name: 'ArgumentError',
      message: /^size is '\d+x\d+'; expected \d+x\d+, the shape nearest to it .*, or no resolution binning$/,
    });
    const options = { ...size, resolutionBinning: false, steps: 1, guidanceScale: 1 };
    const { width, height } = await exportModel(pipeline, target, options);
    assert.deepEqual([height, width], [32, 28]);
  });
});
