/** The options of sampling that a measurement takes: all but what it decides itself. */
import { SAMPLE_OPTION_NAMES, type SampleOptions } from '../../pipeline/options.js';

export type MeasuredSampling = Omit<
  SampleOptions,
  'labels' | 'noise' | 'batch' | 'cache' | 'firstImage' | 'perImage'
>;

const {
  labels: _labels,
  noise: _noise,
  batch: _batch,
  cache: _cache,
  firstImage: _firstImage,
  perImage: _perImage,
  ...names
} = SAMPLE_OPTION_NAMES;

export const MEASURED_SAMPLING_NAMES = names;
