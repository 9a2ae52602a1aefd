/**
 * The judge of the model of digits: a small classifier of handwritten digits (models/digits/README.md). Its 64
 * features are not those of InceptionV3, so its distance is the `digits Frechet distance` and never FID.
 */

import { EMBEDDED_CLASSIFIER } from '../../embedded.js';
import { ArgumentError, FormatError } from '../../errors.js';
import { requireModelFolder } from '../../modelPackages.js';
import { SafetensorsFile } from '../../weights/safetensors.js';
import type { Gaussian } from '../metrics/gaussian.js';
import { type Pictures, requirePictures } from '../metrics/pictures.js';
import { connect, convolve, type Layer, type Planes, reluPool } from './convolution.js';
import {
  type ExtractedFeatures,
  type FeatureExtractor,
  spatialCount,
  spatialFeatures,
} from './featureExtractor.js';

const SIDE = 32;
const CLASSES = 10;
const FEATURES = 64;
/** Size of the maps after the second pooling. */
const MAPS = { channels: 32, height: SIDE / 4, width: SIDE / 4 };

/** Layers and the shapes of their weights. */
const LAYERS = {
  conv1: [16, 1, 5, 5],
  conv2: [MAPS.channels, 16, 5, 5],
  fc1: [FEATURES, MAPS.channels * MAPS.height * MAPS.width],
  fc2: [CLASSES, FEATURES],
} as const;

type LayerName = keyof typeof LAYERS;

export class DigitsClassifier implements FeatureExtractor {
  readonly name = 'digits';
  readonly fingerprint = 'digits';
  readonly features = FEATURES;
  readonly spatialFeatures = spatialCount([1, MAPS.channels, MAPS.height, MAPS.width]);
  readonly classes = CLASSES;

  private constructor(
    readonly layers: Readonly<Record<LayerName, Layer>>,
    /** The features of the 60,000 training images of MNIST. */
    readonly reference: Gaussian,
  ) {}

  /** Throws a `FormatError` for a file that is not this classifier, an `IncacheError` where the package of digits is missing. */
  static load(path = EMBEDDED_CLASSIFIER): DigitsClassifier {
    if (path === EMBEDDED_CLASSIFIER) requireModelFolder('digits');
    using file = SafetensorsFile.open(path);
    const layer = (name: LayerName): Layer => {
      const shape = LAYERS[name];
      requireShape(file, `${name}.weight`, shape);
      requireShape(file, `${name}.bias`, [shape[0]]);
      return { weight: file.read(`${name}.weight`), bias: file.read(`${name}.bias`) };
    };
    requireShape(file, 'feature_mean', [FEATURES]);
    requireShape(file, 'feature_cov', [FEATURES, FEATURES]);
    return new DigitsClassifier(
      { conv1: layer('conv1'), conv2: layer('conv2'), fc1: layer('fc1'), fc2: layer('fc2') },
      { mean: file.readFloat64('feature_mean'), covariance: file.readFloat64('feature_cov') },
    );
  }

  requireSize(channels: number, height: number, width: number): void {
    if (channels === 1 && height === SIDE && width === SIDE) return;
    throw new ArgumentError(
      'pictures',
      `${channels} x ${height} x ${width}`,
      `1 x ${SIDE} x ${SIDE}, as the digits classifier takes them`,
    );
  }

  async extract(pictures: Pictures): Promise<ExtractedFeatures> {
    const [images, ...size] = pictures.shape;
    this.requireSize(...size);
    requirePictures(pictures);
    const extracted = {
      features: new Float32Array(images * FEATURES),
      spatial: new Float32Array(images * this.spatialFeatures),
      logits: new Float32Array(images * CLASSES),
    };
    for (let image = 0; image < images; image++) {
      const pixels = pictures.data.subarray(image * SIDE ** 2, (image + 1) * SIDE ** 2);
      const maps = this.#maps(pixels.map((value) => Math.min(1, Math.max(-1, value))));
      const features = connect(maps.data, this.layers.fc1).map((value) => Math.max(0, value));
      const spatial = spatialFeatures({
        data: maps.data,
        shape: [1, maps.channels, maps.height, maps.width],
      });
      extracted.features.set(features, image * FEATURES);
      extracted.spatial.set(spatial, image * this.spatialFeatures);
      extracted.logits.set(connect(features, this.layers.fc2), image * CLASSES);
    }
    return extracted;
  }

  async dispose(): Promise<void> {}

  #maps(pixels: Float32Array): Planes {
    const x = { channels: 1, height: SIDE, width: SIDE, data: pixels };
    return reluPool(convolve(reluPool(convolve(x, this.layers.conv1)), this.layers.conv2));
  }
}

function requireShape(file: SafetensorsFile, name: string, expected: readonly number[]): void {
  const { shape } = file.entry(name);
  if (shape.join() !== expected.join())
    throw new FormatError(`${file.path}: tensor '${name}' has shape [${shape}]; expected [${expected}]`);
}
