/** What turns pictures into the features that Frechet distances, scores and manifolds are computed of. */
import type { Pictures } from '../metrics/pictures.js';

export interface ExtractedFeatures {
  /** images x features */
  readonly features: Float32Array;
  /** images x spatialFeatures; empty where the extractor has none. */
  readonly spatial: Float32Array;
  /** images x classes; empty where the extractor does not classify. */
  readonly logits: Float32Array;
}

export interface FeatureExtractor {
  /** For reports: a distance is named after what it was measured with. */
  readonly name: string;
  /** Differs whenever features may. */
  readonly fingerprint: string;
  readonly features: number;
  /** 0 for none. */
  readonly spatialFeatures: number;
  /** 0 for none. */
  readonly classes: number;
  /** Throws an `ArgumentError` for pictures of a size that the extractor cannot take. */
  requireSize(channels: number, height: number, width: number): void;
  extract(pictures: Pictures): Promise<ExtractedFeatures>;
  dispose(): Promise<void>;
}

/** Channels of a feature map that are kept where they are (Nash et al., arXiv 2103.03841, sFID). */
const SPATIAL_CHANNELS = 7;

/** A stack of feature maps, images x channels x height x width. */
export interface FeatureMaps {
  readonly data: Float32Array;
  readonly shape: readonly [images: number, channels: number, height: number, width: number];
}

/** How many numbers `spatialFeatures` gives for an image. */
export function spatialCount([, channels, height, width]: FeatureMaps['shape']): number {
  return Math.min(channels, SPATIAL_CHANNELS) * height * width;
}

/**
 * The first 7 channels of every map, place by place (height x width x channels, the order of the published
 * statistics): features that know where something is, for the spatial Frechet distance.
 */
export function spatialFeatures({ data, shape }: FeatureMaps): Float32Array {
  const [images, channels, height, width] = shape;
  const kept = Math.min(channels, SPATIAL_CHANNELS);
  const places = height * width;
  const out = new Float32Array(images * kept * places);
  for (let image = 0; image < images; image++)
    for (let place = 0; place < places; place++)
      for (let c = 0; c < kept; c++)
        out[(image * places + place) * kept + c] = data[(image * channels + c) * places + place]!;
  return out;
}
