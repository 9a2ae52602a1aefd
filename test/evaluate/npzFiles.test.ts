/** Statistics and images in the files that other people's evaluators read and write. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { EMBEDDED_CALIBRATION_IMAGES } from '../../src/embedded.js';
import { ArgumentError } from '../../src/errors.js';
import { DigitsClassifier } from '../../src/evaluate/features/digitsClassifier.js';
import type { FeatureExtractor } from '../../src/evaluate/features/featureExtractor.js';
import type { Pictures } from '../../src/evaluate/metrics/pictures.js';
import { loadReference } from '../../src/evaluate/metrics/reference.js';
import { readStatistics, writeStatistics } from '../../src/evaluate/metrics/statisticsFile.js';
import { encodeImages, writeImagesNpz } from '../../src/evaluate/runs/imagesNpz.js';
import { npyHeader } from '../../src/weights/npy.js';
import { writeNpyEntries, writeNpz } from '../../src/weights/npz.js';
import { SafetensorsFile, writeSafetensors } from '../../src/weights/safetensors.js';
import { temporaryFolder } from '../support/folder.js';
import { readNpz } from '../support/npz.js';
import { Random } from '../support/random.js';
import { dataFile } from './data.js';

const python = spawnSync('python3', ['-c', 'import numpy'], { stdio: 'ignore' });
const skip = python.status === 0 ? false : 'there is no python3 with numpy';

function numpy(program: string, path: string): unknown {
  const { status, stdout, stderr } = spawnSync(
    'python3',
    ['-c', `import sys, json, numpy as np\n${program}`, path],
    {
      encoding: 'utf8',
    },
  );
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout);
}

const gaussian = (features: number) => {
  const random = new Random(features);
  const root = Array.from({ length: features ** 2 }, () => random.normal());
  const covariance = Float64Array.from({ length: features ** 2 }, (_, ij) => {
    const [i, j] = [Math.floor(ij / features), ij % features];
    return root
      .slice(0, features)
      .reduce((sum, _, k) => sum + root[i * features + k]! * root[j * features + k]!, 0);
  });
  return { mean: Float64Array.from({ length: features }, () => random.normal()), covariance };
};

describe('statistics', () => {
  const folder = temporaryFolder();
  const path = join(folder, 'statistics.npz');

  test('are read back as they were written', () => {
    const statistics = { features: gaussian(4), spatial: gaussian(6) };
    writeStatistics(path, statistics);
    assert.deepEqual(readStatistics(path), statistics);
    writeStatistics(path, { features: gaussian(3) });
    assert.deepEqual(readStatistics(path), { features: gaussian(3) });
  });

  test("are read from numpy's own file", () => {
    const { features, spatial } = readStatistics(dataFile('numpy-statistics.npz'));
    assert.equal(features.mean.length, 5);
    assert.equal(spatial?.covariance.length, 25);
  });

  test('are read by numpy', { skip }, () => {
    const { mean, covariance } = gaussian(4);
    writeStatistics(path, { features: { mean, covariance } });
    const program = "f = np.load(sys.argv[1]); print(json.dumps([f['mu'].tolist(), f['sigma'].tolist()]))";
    const [mu, sigma] = numpy(program, path) as [number[], number[][]];
    assert.deepEqual([mu, sigma.flat()], [[...mean], [...covariance]]);
  });

  test('that are none are refused', () => {
    const array = (shape: number[], value = 0) => ({
      shape,
      data: new Float64Array(shape.reduce((a, b) => a * b, 1)).fill(value),
    });
    const refused = (arrays: Parameters<typeof writeNpz>[1], message: RegExp) => {
      writeNpz(path, arrays);
      assert.throws(() => readStatistics(path), message);
    };
    refused({ x: array([2]) }, /has no array 'mu'; expected 'mu' and 'sigma'/);
    refused({ mu: array([2]) }, /has no array 'sigma'/);
    refused(
      { mu: array([2]), sigma: array([2, 3]) },
      /'mu' has shape \[2\] and 'sigma' \[2,3\]; expected \[d\] and/,
    );
    refused({ mu: array([2], Number.NaN), sigma: array([2, 2]) }, /'mu' holds numbers that are not finite/);
  });
});

describe("images for ADM's evaluator", () => {
  const folder = temporaryFolder();
  const path = join(folder, 'images.npz');
  const random = new Random(4);

  function write(channels: number) {
    const [images, height, width] = [5, 6, 7];
    const data = random.normals(images * channels * height * width);
    const bytes = encodeImages({ data, shape: [images, channels, height, width] });
    const half = 2 * height * width * 3;
    writeImagesNpz(path, images, height, width, [bytes.subarray(0, half), bytes.subarray(half)]);
    return { data, images, height, width };
  }

  test('three channels come last, a grey one is repeated', () => {
    for (const channels of [1, 3]) {
      const { data, images, height, width } = write(channels);
      const { shape, data: bytes } = readNpz(path).get('arr_0')!;
      assert.deepEqual(shape, [images, height, width, 3]);
      assert.ok(bytes instanceof Uint8Array);
      for (const [i, byte] of bytes.entries()) {
        const [image, place, colour] = [
          Math.floor(i / (height * width * 3)),
          Math.floor(i / 3) % (height * width),
          i % 3,
        ];
        const channel = channels === 1 ? 0 : colour;
        const value = data[(image * channels + channel) * height * width + place]!;
        assert.equal(byte, Math.round((Math.min(1, Math.max(-1, value)) + 1) * 127.5));
      }
    }
  });

  test('numpy reads them', { skip }, () => {
    write(3);
    const program =
      "a = np.load(sys.argv[1])['arr_0']; print(json.dumps([list(a.shape), str(a.dtype), a.flatten().tolist()]))";
    const { shape, data } = readNpz(path).get('arr_0')!;
    assert.deepEqual(numpy(program, path), [shape, 'uint8', Array.from(data as Uint8Array)]);
  });

  test('latents, and a count that is wrong, are refused', () => {
    assert.throws(() => encodeImages({ data: new Float32Array(16), shape: [1, 4, 2, 2] }), /'of 4 channels'/);
    assert.throws(
      () => writeImagesNpz(path, 2, 2, 2, [new Uint8Array(12)]),
      /take 24 bytes, but 12 were given/,
    );
  });

  test('the header is that of the .npy format, version 1', () => {
    const header = Buffer.from(npyHeader('|u1', [3]));
    assert.equal(header.length % 64, 0);
    assert.equal(header.subarray(0, 8).toString('latin1'), '\x93NUMPY\x01\x00');
    assert.equal(header.readUInt16LE(8), header.length - 10);
    assert.match(
      header.subarray(10).toString('latin1'),
      /^\{'descr': '\|u1', 'fortran_order': False, 'shape': \(3,\), \} *\n$/,
    );
  });
});

describe('references', () => {
  const folder = temporaryFolder();
  const path = join(folder, 'reference.npz');
  const classifier = DigitsClassifier.load();
  const training = readTraining(66);

  test('images give the same statistics from each kind of file', async () => {
    const floats = { shape: [66, 1, 32, 32], data: training };
    writeNpz(path, { samples: floats });
    const fromSamples = await loadReference(path, classifier);
    assert.equal(fromSamples.rows?.rows, 66);
    assert.equal(fromSamples.spatial, undefined);
    const bytes = encodeImages({ data: training, shape: [66, 1, 32, 32] });
    writeImagesNpz(path, 66, 32, 32, [bytes]);
    const fromRows = await loadReference(path, classifier);
    assert.deepEqual(fromRows, fromSamples);
    writeStatistics(path, { features: fromRows.features });
    assert.deepEqual(await loadReference(path, classifier), { features: fromRows.features });
  });

  test('too few images say how many are needed, other sizes and dimensions what was expected', async () => {
    const refused = async (arrays: Parameters<typeof writeNpz>[1], message: RegExp) => {
      writeNpz(path, arrays);
      await assert.rejects(loadReference(path, classifier), message);
    };
    const few = { shape: [64, 1, 32, 32], data: training.slice(0, 64 * 1024) };
    await refused({ images: few }, /images is 64; expected at least 65 for a covariance of 64 features/);
    await refused(
      { images: { shape: [66, 1, 16, 64], data: training } },
      /pictures is '1 x 16 x 64'; expected 1 x 32 x 32/,
    );
    await refused(
      { images: { shape: [66, 4, 16, 16], data: training } },
      /'images' has shape \[66,4,16,16\]; expected images x 1 or 3/,
    );
    await refused({ x: few }, /holds x; expected mu and sigma, or images as arr_0, samples or images/);
    await refused({ arr_0: few }, /'arr_0' has shape .* and type F32; expected U8/);
    await assert.rejects(
      loadReference(dataFile('numpy-statistics.npz'), classifier),
      /reference statistics is '.*numpy-statistics\.npz, of 5 features'; expected 64/,
    );
    await assert.rejects(
      loadReference(dataFile('numpy-images.npz'), classifier),
      /pictures is '3 x 12 x 13'; expected 1 x 32 x 32/,
    );
    await assert.rejects(loadReference('reference.png', classifier), /reference is 'reference\.png'/);
  });

  test('npz-types: statistics in Fortran order, of the other byte order and as float16', async () => {
    const { features } = await loadReference(dataFile('numpy-statistics.npz'), fiveFeatures);
    const { mean, covariance } = features;
    const swapped = (values: Float64Array) => Buffer.from(Float64Array.from(values).buffer).swap64();
    writeNpy({
      mu: ["'>f8'", 'False', '(5,)', swapped(mean)],
      sigma: ["'>f8'", 'True', '(5, 5)', swapped(covariance)],
    });
    assert.deepEqual((await loadReference(path, fiveFeatures)).features, features);
    // 1.5 and 0 as float16.
    const half = (count: number) => Buffer.from(new Uint16Array(count).fill(0x3e00).buffer);
    writeNpy({ mu: ["'<f2'", 'False', '(5,)', half(5)], sigma: ["'<f2'", 'False', '(5, 5)', half(25)] });
    const { features: halves } = await loadReference(path, fiveFeatures);
    assert.deepEqual([...halves.mean, ...halves.covariance], Array(30).fill(1.5));
  });

  test('npz-bit-flip: statistics with one bit turned', async () => {
    writeStatistics(path, { features: gaussian(5) });
    const bytes = readFileSync(path);
    bytes[bytes.indexOf('sigma.npy') + 200]! ^= 1;
    writeFileSync(path, bytes);
    await assert.rejects(loadReference(path, fiveFeatures), /'sigma\.npy' is damaged: its checksum is/);
  });

  test('npz-reference-over-2-gib: beside statistics nothing is read', async () => {
    const { mean, covariance } = gaussian(64);
    const bytes = (values: Float64Array) => new Uint8Array(values.buffer);
    const pictures = Buffer.alloc(2 ** 20, 7);
    writeNpyEntries(path, [
      ['arr_0', [npyHeader('|u1', [1024, 32, 32, 1]), pictures]],
      ['mu', [npyHeader('<f8', [64]), bytes(mean)]],
      ['sigma', [npyHeader('<f8', [64, 64]), bytes(covariance)]],
    ]);
    // Who reads the pictures finds them damaged.
    const file = readFileSync(path);
    file[2 ** 19]! ^= 1;
    writeFileSync(path, file);
    assert.deepEqual((await loadReference(path, classifier)).features, { mean, covariance });
  });

  test('reference-of-50000-pictures: a shape that the judge does not take is refused before any pixel', async () => {
    // The entry is damaged, which is seen only by who reads it.
    writeImagesNpz(path, 500, 31, 31, [new Uint8Array(500 * 31 * 31 * 3)]);
    const bytes = readFileSync(path);
    bytes[bytes.length >> 1]! ^= 1;
    writeFileSync(path, bytes);
    await assert.rejects(loadReference(path, classifier), /pictures is '3 x 31 x 31'; expected 1 x 32 x 32/);
  });

  test('float-255-images: values that cannot be pictures are refused, those of 0 to 1 doubted', async () => {
    const scaled = (scale: number, shift: number) => training.map((value) => (value + shift) * scale);
    const write = (data: Float32Array) => {
      writeNpz(path, { samples: { shape: [66, 1, 32, 32], data } });
      writeSafetensors(tensors, [{ name: 'images', dtype: 'F32', shape: [66, 1, 32, 32], data }]);
    };
    const judge = { ...fiveFeatures, requireSize() {} };
    const tensors = join(folder, 'images.safetensors');
    const doubts = async (file: string) => {
      const doubts: string[] = [];
      await loadReference(file, judge, { onDoubt: (sentence) => doubts.push(sentence) });
      return doubts;
    };
    write(scaled(127.5, 1));
    await assert.rejects(
      loadReference(path, judge),
      /reference\.npz: 'samples' holds floats from 0 to 255; expected pictures in \[-1, 1\], or bytes/,
    );
    await assert.rejects(loadReference(tensors, judge), /images\.safetensors: 'images' holds floats from 0/);
    write(scaled(0.5, 1));
    for (const file of [path, tensors]) assert.match(String(await doubts(file)), /holds no negative value/);
    // Samples overshoot a little.
    write(scaled(1.4, 0));
    for (const file of [path, tensors]) assert.deepEqual(await doubts(file), []);
    write(training.map((value, i) => (i === 60_000 ? Number.NaN : value)));
    await assert.rejects(loadReference(path, judge), /'samples' holds NaN/);
    writeNpz(path, { samples: { shape: [66, 1, 32, 32], data: Int32Array.from(scaled(127.5, 1)) } });
    await assert.rejects(loadReference(path, judge), /'samples' is of type I32; expected bytes/);
  });

  test('ctrl-c-reference: measuring pictures lets the event loop turn, and stops', async () => {
    writeNpz(path, { samples: { shape: [66, 1, 32, 32], data: training } });
    const controller = new AbortController();
    let turns = 0;
    const counter = setInterval(() => turns++, 1);
    const slow = { ...fiveFeatures, requireSize() {}, extract: slowly };
    const seen: number[] = [];
    await loadReference(path, slow, { onProgress: (images, total) => seen.push(images, total) });
    clearInterval(counter);
    assert.deepEqual(seen.slice(-2), [66, 66]);
    assert.ok(turns >= 3, `${turns} turns`);
    setTimeout(() => controller.abort(), 1);
    await assert.rejects(loadReference(path, slow, { signal: controller.signal }), { name: 'AbortError' });
  });

  /** An extractor of the dimension of numpy-statistics.npz. */
  const fiveFeatures: FeatureExtractor = {
    name: 'five',
    fingerprint: 'five',
    features: 5,
    spatialFeatures: 0,
    classes: 0,
    requireSize(channels, height, width) {
      throw new ArgumentError('pictures', `${channels} x ${height} x ${width}`, 'none');
    },
    extract: async (pictures) => sines(pictures),
    async dispose() {},
  };

  function sines({ shape }: Pictures) {
    const features = Float32Array.from({ length: shape[0] * 5 }, (_, i) => Math.sin(i));
    return { features, spatial: new Float32Array(0), logits: new Float32Array(0) };
  }

  /** 30 ms of work on this thread. */
  async function slowly(pictures: Pictures) {
    const start = performance.now();
    while (performance.now() - start < 30);
    return sines(pictures);
  }

  function writeNpy(
    arrays: Record<string, [descr: string, order: string, shape: string, data: Buffer]>,
  ): void {
    writeNpyEntries(
      path,
      Object.entries(arrays).map(([name, [descr, order, shape, data]]) => {
        const text = `{'descr': ${descr}, 'fortran_order': ${order}, 'shape': ${shape}, }\n`;
        const start = Buffer.from(`\x93NUMPY\x01\x00\x00\x00`, 'latin1');
        start.writeUInt16LE(text.length, 8);
        return [name, [start, Buffer.from(text), data]];
      }),
    );
  }
});

function readTraining(count: number): Float32Array {
  using file = SafetensorsFile.open(EMBEDDED_CALIBRATION_IMAGES);
  return Float32Array.from(file.readBytes('images').subarray(0, count * 1024), (value) => value / 127.5 - 1);
}
