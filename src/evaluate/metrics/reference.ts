/** What samples are held against: published statistics, or images whose features are taken here. */
import { npzPictures, type PictureSource, safetensorsPictures } from '../../calibrate/pictureFile.js';
import { PictureRange } from '../../calibrate/pictureValues.js';
import { ArgumentError, FormatError } from '../../errors.js';
import { NpzFile } from '../../weights/npz.js';
import { SafetensorsFile } from '../../weights/safetensors.js';
import type { FeatureExtractor } from '../features/featureExtractor.js';
import { GaussianAccumulator, requireImages } from './gaussian.js';
import { type Pictures, slicePictures } from './pictures.js';
import type { FeatureRows } from './precisionRecall.js';
import { type SetStatistics, statisticsOf } from './statisticsFile.js';
import { Turns } from './turns.js';

export interface Reference extends SetStatistics {
  /** The features of every image, for precision and recall; not there when statistics were given. */
  readonly rows?: FeatureRows;
}

export interface ReferenceOptions {
  /** Stops between two batches of images. */
  readonly signal?: AbortSignal;
  /** Called after every batch. */
  readonly onProgress?: (images: number, total: number) => void;
  /** Called with a sentence about what is odd, but may be meant: floats without a negative value. */
  readonly onDoubt?: (sentence: string) => void;
}

/** Images whose features are taken at a time. */
const BATCH = 16;

/**
 * From an .npz of `mu` and `sigma`; or from images: `arr_0` (uint8, images x height x width x channels, as ADM has
 * them), `samples` or `images` (images x channels x height x width, bytes or floats in [-1, 1]) of an .npz, or
 * `images` of a .safetensors file. A batch of images is in memory, whatever the size of the file. Throws a
 * `FormatError` when it is none of them or holds floats of another range, an `ArgumentError` for statistics of other
 * features than the extractor's or too few images.
 */
export async function loadReference(
  path: string,
  extractor: FeatureExtractor,
  options: ReferenceOptions = {},
): Promise<Reference> {
  if (path.endsWith('.safetensors')) {
    using file = SafetensorsFile.open(path);
    return await measurePictures(safetensorsPictures(file), extractor, options);
  }
  if (!path.endsWith('.npz')) throw new ArgumentError('reference', path, 'an .npz or .safetensors file');
  using file = NpzFile.open(path);
  if (file.has('mu')) return loadStatistics(file, extractor);
  const pictures = npzPictures(file);
  if (pictures) return await measurePictures(pictures, extractor, options);
  throw new FormatError(
    `${path} holds ${file.names.join(', ') || 'nothing'}; expected mu and sigma, or images as arr_0, samples or images`,
  );
}

/** The statistics, and the features of every image, of a set of pictures. */
export function measureReference(
  pictures: Pictures,
  extractor: FeatureExtractor,
  options: ReferenceOptions = {},
): Promise<Reference> {
  return measurePictures(picturesInMemory(pictures), extractor, options);
}

async function measurePictures(
  source: PictureSource,
  extractor: FeatureExtractor,
  { signal, onProgress, onDoubt }: ReferenceOptions,
): Promise<Reference> {
  const [images] = source.shape;
  requirePictureSize(source, extractor);
  requireImages(images, extractor.features);
  const { features, spatialFeatures } = extractor;
  const rows = new Float32Array(images * features);
  const all = new GaussianAccumulator(features);
  // As many as a covariance takes, or the spatial distance is left out.
  const spatial =
    spatialFeatures > 0 && images > spatialFeatures ? new GaussianAccumulator(spatialFeatures) : undefined;
  const range = new PictureRange(source.name);
  const turns = new Turns(signal);
  let done = 0;
  for (const pictures of source.batches(BATCH)) {
    if (!source.bytes) range.add(pictures.data);
    const [count, ...size] = pictures.shape;
    extractor.requireSize(...size);
    const found = await extractor.extract(pictures);
    rows.set(found.features, done * features);
    for (let i = 0; i < count; i++) {
      all.add(found.features.subarray(i * features, (i + 1) * features));
      spatial?.add(found.spatial.subarray(i * spatialFeatures, (i + 1) * spatialFeatures));
    }
    done += count;
    onProgress?.(done, images);
    await turns.take();
  }
  if (range.doubt !== undefined) onDoubt?.(range.doubt);
  return {
    features: all.gaussian(),
    ...(spatial && { spatial: spatial.gaussian() }),
    rows: { rows: images, columns: features, data: rows },
  };
}

/** Before any pixel is read. Whether three colours are a grey one is seen batch by batch. */
function requirePictureSize({ shape, greyAsOne }: PictureSource, extractor: FeatureExtractor): void {
  const [, channels, height, width] = shape;
  if (greyAsOne)
    try {
      return extractor.requireSize(1, height, width);
    } catch {
      // Then it must take all of them.
    }
  extractor.requireSize(channels, height, width);
}

function loadStatistics(file: NpzFile, extractor: FeatureExtractor): SetStatistics {
  const { path } = file;
  requireDimension(path, '', file.header('mu').shape[0] ?? 0, extractor.features, extractor.name);
  // Statistics of other spatial features than the extractor's are no use, and no harm when it has none.
  const spatial = file.has('mu_s') && extractor.spatialFeatures > 0;
  if (spatial)
    requireDimension(
      path,
      'spatial ',
      file.header('mu_s').shape[0] ?? 0,
      extractor.spatialFeatures,
      extractor.name,
    );
  return statisticsOf(file, spatial);
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

function picturesInMemory(pictures: Pictures): PictureSource {
  const { shape } = pictures;
  return {
    shape,
    greyAsOne: false,
    bytes: false,
    name: 'pictures',
    *batches(count) {
      for (let first = 0; first < shape[0]; first += count)
        yield slicePictures(pictures, first, Math.min(count, shape[0] - first));
    },
  };
}
