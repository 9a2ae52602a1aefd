/** The judge of the embedded model, and what it says of samples beside what the authors' code was told of its own. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { EMBEDDED_CALIBRATION_IMAGES, EMBEDDED_CLASSIFIER, EMBEDDED_MODEL } from '../../src/embedded.js';
import { DigitsClassifier } from '../../src/evaluate/features/digitsClassifier.js';
import { Evaluation } from '../../src/evaluate/runs/evaluation.js';
import { SafetensorsFile } from '../../src/weights/safetensors.js';
import { assertClose } from '../support/compare.js';
import { dataFile } from './data.js';

const SIDE = 32;
const PIXELS = SIDE ** 2;
const classifier = DigitsClassifier.load();
const images = SafetensorsFile.open(EMBEDDED_CALIBRATION_IMAGES);
const bytes = images.readBytes('images');
const labels = images.readIntegers('labels');
const training = (count: number) =>
  Float32Array.from(bytes.subarray(0, count * PIXELS), (value) => value / 127.5 - 1);

/** The network of models/digits/README.md, a sum for every output, as plain as can be. */
function plainNetwork(pixels: Float32Array) {
  const weights = SafetensorsFile.open(EMBEDDED_CLASSIFIER);
  const convolvePool = (x: number[], channels: number, side: number, name: string) => {
    const [w, b] = [weights.read(`${name}.weight`), weights.read(`${name}.bias`)];
    const at = (c: number, y: number, xx: number) =>
      y < 0 || xx < 0 || y >= side || xx >= side ? 0 : x[(c * side + y) * side + xx]!;
    const value = (o: number, y: number, xx: number) => {
      let sum = b[o]!;
      for (let c = 0; c < channels; c++)
        for (let i = 0; i < 5; i++)
          for (let j = 0; j < 5; j++)
            sum += w[((o * channels + c) * 5 + i) * 5 + j]! * at(c, y + i - 2, xx + j - 2);
      return Math.max(0, sum);
    };
    const out: number[] = [];
    for (let o = 0; o < b.length; o++)
      for (let y = 0; y < side; y += 2)
        for (let xx = 0; xx < side; xx += 2)
          out.push(
            Math.max(value(o, y, xx), value(o, y, xx + 1), value(o, y + 1, xx), value(o, y + 1, xx + 1)),
          );
    return out;
  };
  const connect = (x: number[], name: string) => {
    const [w, b] = [weights.read(`${name}.weight`), weights.read(`${name}.bias`)];
    return Array.from(b, (start, o) =>
      x.reduce((sum, value, i) => sum + w[o * x.length + i]! * value, start),
    );
  };
  const maps = convolvePool(convolvePool([...pixels], 1, SIDE, 'conv1'), 16, SIDE / 2, 'conv2');
  const features = connect(maps, 'fc1').map((value) => Math.max(0, value));
  return { maps, features, logits: connect(features, 'fc2') };
}

describe('digits classifier', () => {
  test('as a plain network computes it', async () => {
    const pixels = training(2);
    const { features, logits, spatial } = await classifier.extract({
      data: pixels,
      shape: [2, 1, SIDE, SIDE],
    });
    const plain = plainNetwork(pixels.subarray(PIXELS));
    assertClose(features.subarray(64), plain.features, 1e-6, 'features');
    assertClose(logits.subarray(10), plain.logits, 1e-6, 'logits');
    // The first 7 of 32 maps of 8 x 8, place by place.
    const expected = Array.from({ length: 448 }, (_, i) => plain.maps[(i % 7) * 64 + Math.floor(i / 7)]!);
    assertClose(spatial.subarray(448), expected, 1e-6, 'spatial features');
  });

  test('knows the digits, and values beyond the range count as clamped', async () => {
    const count = 40;
    const data = training(count).map((value) => 3 * value);
    const { logits } = await classifier.extract({ data, shape: [count, 1, SIDE, SIDE] });
    const right = labels.slice(0, count).filter((label, i) => {
      const row = [...logits.subarray(i * 10, i * 10 + 10)];
      return row.indexOf(Math.max(...row)) === label;
    });
    assert.ok(right.length >= 39, `${right.length} of ${count}`);
  });

  test('refuses pictures of another size, and another file', async () => {
    await assert.rejects(
      classifier.extract({ data: new Float32Array(28 * 28), shape: [1, 1, 28, 28] }),
      /pictures is '1 x 28 x 28'; expected 1 x 32 x 32/,
    );
    await assert.rejects(
      classifier.extract({ data: new Float32Array(5), shape: [1, 1, SIDE, SIDE] }),
      /pictures is '5 values'; expected 1024/,
    );
    assert.throws(() => DigitsClassifier.load(EMBEDDED_MODEL), /has no tensor 'feature_mean'/);
  });
});

describe("the authors' figures, from 100 samples of the same model and noise", async () => {
  const path = fileURLToPath(new URL('../../../test/data/digits/authors-quality.json', import.meta.url));
  const results: Record<string, number | string>[] = JSON.parse(readFileSync(path, 'utf8')).results;
  const samples = SafetensorsFile.open(dataFile('digits-samples.safetensors'));
  const uncached = samples.read('full');
  const close = (actual: number | undefined, expected: number | string | undefined, what: string) => {
    assert.equal(typeof expected, 'number', what);
    assert.ok(Math.abs(actual! / (expected as number) - 1) < 1e-3, `${what}: ${actual}, theirs ${expected}`);
  };

  for (const [name, match] of [
    ['full', (row: Record<string, unknown>) => row.policy === 'full' && row.steps === 50],
    ['reuse3', (row: Record<string, unknown>) => row.policy === 'reuse' && row.period === 3],
  ] as const)
    test(name, async () => {
      const evaluation = new Evaluation({
        images: 100,
        channels: 1,
        height: SIDE,
        width: SIDE,
        extractor: classifier,
        // Theirs is of all images as one.
        splits: 1,
      });
      await evaluation.add({
        samples: samples.read(name),
        labels: Array.from({ length: 100 }, (_, i) => i % 10),
        ...(name !== 'full' && { uncached }),
      });
      const found = await evaluation.result({ features: classifier.reference });
      const theirs = results.find(match)!;
      close(found.accuracy, theirs.accuracy, 'accuracy');
      close(found.inceptionScore?.mean, theirs.inception_score, 'inception score');
      close(found.frechet, theirs.frechet, 'digits Frechet distance');
      if (name === 'full') return;
      close(found.psnr, theirs.psnr_db_mean, 'PSNR');
      close(found.relativeL2, theirs.rel_l2, 'relative L2');
    });
});
