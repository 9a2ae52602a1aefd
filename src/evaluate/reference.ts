/** What samples are held against: published statistics, or images whose features are taken here. */
import { ArgumentError, FormatError } from '../errors.js';
import { type NumpyArray, readNpz } from '../weights/npz.js';
import { SafetensorsFile } from '../weights/safetensors.js';
import type { FeatureExtractor } from './featureExtractor.js';
import { GaussianAccumulator, requireImages } from './gaussian.js';
import { fromByte, type Pictures, slicePictures } from './pictures.js';
import type { FeatureRows } from './precisionRecall.js';
import { type SetStatistics, statisticsOf } from './statisticsFile.js';

export interface Reference extends SetStatistics {
  /** The features of every image, for precision and recall; not there when statistics were given. */
  readonly rows?: FeatureRows;
}

/** Images whose features are taken at a time. */
const BATCH = 16;

/**
 * From an .npz of `mu` and `sigma`; or from images: `arr_0` (uint8, images x height x width x channels, as ADM has
 * them), `samples` or `images` (images x channels x height x width, bytes or floats in [-1, 1]) of an .npz, or
 * `images` of a .safetensors file. Throws a `FormatError` when it is none of them, an `ArgumentError` for
 * statistics of other features than the extractor's or too few images.
 */
export async function loadReference(path: string, extractor: FeatureExtractor): Promise<Reference> {
  const found = readReference(path);
  if ('features' in found) {
    requireDimension(path, '', found.features.mean.length, extractor.features, extractor.name);
    if (found.spatial && extractor.spatialFeatures > 0)
      requireDimension(
        path,
        'spatial ',
        found.spatial.mean.length,
        extractor.spatialFeatures,
        extractor.name,
      );
    return found;
  }
  return measureReference(found, extractor);
}

/** The statistics, and the features of every image, of a set of pictures. */
export async function measureReference(pictures: Pictures, extractor: FeatureExtractor): Promise<Reference> {
  const [images, ...size] = pictures.shape;
  extractor.requireSize(...size);
  requireImages(images, extractor.features);
  const { features, spatialFeatures } = extractor;
  const rows = new Float32Array(images * features);
  const all = new GaussianAccumulator(features);
  // As many as a covariance takes, or the spatial distance is left out.
  const spatial =
    spatialFeatures > 0 && images > spatialFeatures ? new GaussianAccumulator(spatialFeatures) : undefined;
  for (let first = 0; first < images; first += BATCH) {
    const count = Math.min(BATCH, images - first);
    const found = await extractor.extract(slicePictures(pictures, first, count));
    rows.set(found.features, first * features);
    for (let i = 0; i < count; i++) {
      all.add(found.features.subarray(i * features, (i + 1) * features));
      spatial?.add(found.spatial.subarray(i * spatialFeatures, (i + 1) * spatialFeatures));
    }
  }
  return {
    features: all.gaussian(),
    ...(spatial && { spatial: spatial.gaussian() }),
    rows: { rows: images, columns: features, data: rows },
  };
}

function requireDimension(
  path: string,
  kind: string,
  given: number,
  expected: number,
  extractor: string,
): void {
  if (given !== expected)
    throw new ArgumentError(
      'reference statistics',
      `${path}, of ${given} ${kind}features`,
      `${expected}, as the features of ${extractor} are`,
    );
}

function readReference(path: string): SetStatistics | Pictures {
  if (path.endsWith('.safetensors')) return readSafetensors(path);
  if (!path.endsWith('.npz')) throw new ArgumentError('reference', path, 'an .npz or .safetensors file');
  const arrays = readNpz(path);
  if (arrays.has('mu')) return statisticsOf(path, arrays);
  const rows = arrays.get('arr_0');
  if (rows) return picturesOf(path, 'arr_0', channelsFirst(path, rows));
  for (const name of ['samples', 'images']) {
    const array = arrays.get(name);
    if (array) return picturesOf(path, name, array);
  }
  throw new FormatError(
    `${path} holds ${[...arrays.keys()].join(', ') || 'nothing'}; expected mu and sigma, or images as arr_0, samples or images`,
  );
}

function readSafetensors(path: string): Pictures {
  using file = SafetensorsFile.open(path);
  const { shape, dtype } = file.entry('images');
  const data = file.read('images');
  return pictures(path, 'images', shape, dtype === 'U8' ? data.map(fromByte) : data);
}

function picturesOf(path: string, name: string, { shape, data }: NumpyArray): Pictures {
  const values = Float32Array.from(data as ArrayLike<number | bigint>, Number);
  return pictures(path, name, shape, data instanceof Uint8Array ? values.map(fromByte) : values);
}

function pictures(path: string, name: string, shape: readonly number[], data: Float32Array): Pictures {
  const [images, channels, height, width] = shape;
  if (shape.length !== 4 || (channels !== 1 && channels !== 3))
    throw new FormatError(
      `${path}: '${name}' has shape [${shape}]; expected images x 1 or 3 channels x height x width`,
    );
  return { data, shape: [images!, channels, height!, width!] };
}

/** Pictures of three equal colours are grey ones that were repeated for ADM's evaluator: one channel is kept. */
function channelsFirst(path: string, { shape, data }: NumpyArray): NumpyArray {
  const [images, height, width, channels] = shape as [number, number, number, number];
  if (shape.length !== 4 || !(data instanceof Uint8Array))
    throw new FormatError(
      `${path}: 'arr_0' has shape [${shape}]; expected uint8, images x height x width x channels`,
    );
  const kept = channels === 3 && isGrey(data) ? 1 : channels;
  const places = height * width;
  const out = new Uint8Array(images * kept * places);
  for (let image = 0; image < images; image++)
    for (let place = 0; place < places; place++)
      for (let c = 0; c < kept; c++)
        out[(image * kept + c) * places + place] = data[(image * places + place) * channels + c]!;
  return { shape: [images, kept, height, width], data: out };
}

function isGrey(colours: Uint8Array): boolean {
  for (let i = 0; i < colours.length; i += 3)
    if (colours[i] !== colours[i + 1] || colours[i] !== colours[i + 2]) return false;
  return true;
}
