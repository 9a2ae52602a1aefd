/** An ONNX model as feature extractor, run by onnxruntime-web, whose interface is that of onnxruntime-node. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import * as ort from 'onnxruntime-web';
import { OnnxGraph } from '../../bench/onnx/graph.js';
import { fromByte } from '../../src/calibrate/pictureValues.js';
import { OnnxExtractor, type OnnxExtractorOptions } from '../../src/evaluate/features/onnxExtractor.js';
import { onnxInput, preparePictures } from '../../src/evaluate/features/onnxInput.js';
import {
  loadOnnxRuntime,
  type OnnxRuntime,
  type OnnxSession,
} from '../../src/evaluate/features/onnxRuntime.js';
import { resize } from '../../src/evaluate/features/resize.js';
import { toByte } from '../../src/pipeline/picture.js';
import { assertClose } from '../support/compare.js';
import { temporaryFolder } from '../support/folder.js';
import { Random } from '../support/random.js';

const SIDE = 4;
const PLACES = SIDE ** 2;
const MAPS = 8;
const CLASSES = 3;
const BATCH = 2;
const random = new Random(9);
const mix = random.normals(MAPS * 3);
const fc = random.normals(CLASSES * MAPS);
const runtime = ort as unknown as OnnxRuntime;

/** 1 x 1 convolution, mean over places, linear; for pictures of `channels` channels. */
function model(channels: number): Uint8Array {
  const graph = new OnnxGraph('features');
  const x = graph.input('x', [BATCH, channels, SIDE, SIDE]);
  const kernel = graph.constant('mix', [MAPS, channels, 1, 1], mix.slice(0, MAPS * channels));
  const maps = graph.node('Conv', [x, kernel], {}, { output: 'spatial' });
  const pooled = graph.node('GlobalAveragePool', [maps], {}, { output: 'pool' });
  const flat = graph.node('Flatten', [pooled]);
  const weight = graph.constant('fc', [CLASSES, MAPS], fc);
  graph.node('Gemm', [flat, weight], { transB: 1 }, { output: 'logits' });
  graph.output('pool', [BATCH, MAPS, 1, 1]);
  graph.output('spatial', [BATCH, MAPS, SIDE, SIDE]);
  graph.output('logits', [BATCH, CLASSES]);
  return graph.model();
}

describe('ONNX extractor', () => {
  const folder = temporaryFolder();
  const path = join(folder, 'features.onnx');
  writeFileSync(path, model(3));
  const load = (options: OnnxExtractorOptions = {}) => OnnxExtractor.load(path, { runtime, ...options });

  test('gives features, maps and logits of grey pictures, a batch that is not full among them', async () => {
    const extractor = await load({ range: [-1, 1] });
    const { name, features, classes, spatialFeatures } = extractor;
    assert.deepEqual(
      [name, features, classes, spatialFeatures],
      ['features.onnx', MAPS, CLASSES, 7 * PLACES],
    );
    const data = random.normals(3 * PLACES, 0.5);
    const found = await extractor.extract({ data, shape: [3, 1, SIDE, SIDE] });
    for (let image = 0; image < 3; image++) {
      const pixels = data
        .subarray(image * PLACES, (image + 1) * PLACES)
        .map((value) => fromByte(toByte(value)));
      // The same grey in three channels: their weights add up.
      const gains = Array.from({ length: MAPS }, (_, m) => mix[3 * m]! + mix[3 * m + 1]! + mix[3 * m + 2]!);
      const mean = pixels.reduce((a, b) => a + b, 0) / PLACES;
      const pooled = gains.map((gain) => gain * mean);
      const logits = Array.from({ length: CLASSES }, (_, c) =>
        pooled.reduce((sum, value, m) => sum + value * fc[c * MAPS + m]!, 0),
      );
      const maps = Array.from({ length: 7 * PLACES }, (_, i) => gains[i % 7]! * pixels[Math.floor(i / 7)]!);
      const row = (values: Float32Array) =>
        values.subarray((image * values.length) / 3, ((image + 1) * values.length) / 3);
      assertClose(row(found.features), pooled, 1e-5, 'features');
      assertClose(row(found.logits), logits, 1e-5, 'logits');
      assertClose(row(found.spatial), maps, 1e-5, 'maps');
    }
    await extractor.dispose();
  });

  test('resizes to the size that the model fixes', async () => {
    const extractor = await load({ features: 'spatial', spatial: 'spatial' });
    assert.equal(extractor.features, MAPS * PLACES);
    const flat = new Float32Array(7 * 9 * 3).fill(1);
    const { features } = await extractor.extract({ data: flat, shape: [1, 3, 7, 9] });
    const expected = Array.from({ length: MAPS * PLACES }, (_, i) => {
      const first = 3 * Math.floor(i / PLACES);
      return mix[first]! + mix[first + 1]! + mix[first + 2]!;
    });
    assertClose(features, expected, 1e-6, 'maps of white');
    await extractor.dispose();
  });

  test('other outputs, other models and other pictures are refused', async () => {
    await assert.rejects(
      load({ features: 'pool3' }),
      /output is 'pool3'; expected one of pool, spatial, logits/,
    );
    await assert.rejects(
      load({ spatial: 'logits' }),
      /output logits is 'of shape \[2,3\]'; expected images x channels/,
    );
    const four = join(folder, 'four.onnx');
    writeFileSync(four, model(2));
    await assert.rejects(
      OnnxExtractor.load(four, { runtime }),
      /feature model is '.*four\.onnx, whose inputs are x \(float32 \[2, 2, 4, 4\]\)'; expected one input of float32/,
    );
    const noise = join(folder, 'noise.onnx');
    writeFileSync(noise, 'no model');
    await assert.rejects(
      OnnxExtractor.load(noise, { runtime }),
      /noise\.onnx is not an ONNX model that can be run/,
    );
    await assert.rejects(
      OnnxExtractor.load(join(folder, 'none.onnx'), { runtime }),
      /cannot read .*none\.onnx/,
    );
    const extractor = await load();
    assert.throws(() => extractor.requireSize(4, 32, 32), /'of 4 channels'; expected 3 or 1/);
    await extractor.dispose();
  });

  test('a runtime that is missing: how to install it', async () => {
    await assert.rejects(
      loadOnnxRuntime('a-package-that-nobody-has'),
      /need onnxruntime-node, which is not installed or does not load \(.*\); run: npm install onnxruntime-node$/,
    );
  });

  test('channels first or last, ranges, open sizes', () => {
    const session = (shape: (number | string)[]) =>
      ({ inputMetadata: [{ name: 'x', isTensor: true, type: 'float32', shape }] }) as unknown as OnnxSession;
    const last = onnxInput('m.onnx', session(['n', 'h', 'w', 3]), [0, 255]);
    const { layout, channels, batch, height, width } = last;
    assert.deepEqual(
      { layout, channels, batch, height, width },
      {
        layout: 'NHWC',
        channels: 3,
        batch: undefined,
        height: undefined,
        width: undefined,
      },
    );
    const colours = Float32Array.of(-1, 1, 0, 0, 1, -3);
    assert.deepEqual(preparePictures({ data: colours, shape: [1, 3, 1, 2] }, last), {
      // 0 becomes the byte 128.
      data: Float32Array.of(0, 128, 255, 255, 128, 0),
      shape: [1, 1, 2, 3],
    });
    const first = onnxInput('m.onnx', session([4, 3, 1, 2]), [0, 1]);
    const { data, shape } = preparePictures({ data: colours, shape: [1, 3, 1, 2] }, first);
    assert.deepEqual(shape, [4, 3, 1, 2]);
    assert.deepEqual([...data.subarray(0, 2)], [0, 1]);
    assert.ok(data.subarray(6).every((value) => value === 0));
  });
});

test("resizing is PyTorch's bilinear interpolation", () => {
  // torch.nn.functional.interpolate(..., mode='bilinear', align_corners=False): by hand from its definition.
  const { data, shape } = resize({ data: Float32Array.of(0, 1, 2, 3), shape: [1, 1, 2, 2] }, 4, 3);
  assert.deepEqual(shape, [1, 1, 4, 3]);
  const across = [0, 0.5, 1];
  const down = [0, 0.5, 1.5, 2];
  assertClose(
    data,
    down.flatMap((y) => across.map((x) => x + y)),
    1e-7,
    'enlarged',
  );
  const half = resize({ data: Float32Array.of(0, 1, 2, 3), shape: [1, 1, 1, 4] }, 1, 2);
  assert.deepEqual([...half.data], [0.5, 2.5]);
});
