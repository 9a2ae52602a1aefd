/** `incache/calibrate`: factors from images or from the model's own trajectories. */

// From a model to factors.
export { FACTOR_METHODS, type FactorMethod } from '../cache/data/factorMethods.js';
export { type CalibrateOptions, calibrate, type RankChoice, type RankSpread } from './calibrate.js';
export type { CalibrationStore } from './calibrationStore.js';

// What the model is shown.
export { type EncodeImagesOptions, encodeCalibrationImages } from './encodedImages.js';
export { type CalibrationImages, loadCalibrationImages } from './images.js';
export {
  type CalibrationSource,
  type ImageSourceOptions,
  imageSource,
  type SourceOptions,
  type TrajectorySourceOptions,
  trajectorySource,
} from './sources.js';

// What is measured of it.
export {
  type LoadedModel,
  type MeasureOptions,
  measureStatistics,
  type Statistics,
} from './measureStatistics.js';
export type { LayerStatistics } from './probe.js';
