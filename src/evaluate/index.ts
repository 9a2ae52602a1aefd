/** `incache/evaluate`: what images are worth and what they cost, and the measurements that policies go by. */
export * from './metrics/index.js';

// Features of images.
export { EMBEDDED_CLASSIFIER } from '../embedded.js';
export { type ClipFiles, ClipScore } from './features/clipScore.js';
export { DigitsClassifier } from './features/digitsClassifier.js';
export {
  type ExtractedFeatures,
  type FeatureExtractor,
  type FeatureMaps,
  spatialFeatures,
} from './features/featureExtractor.js';
export { OnnxExtractor, type OnnxExtractorOptions } from './features/onnxExtractor.js';
export type { OnnxRuntime } from './features/onnxRuntime.js';

// Runs that judge a policy.
export { type EvaluateOptions, type EvaluationReport, evaluateModel } from './runs/evaluateModel.js';
export {
  type CalibrateShardOptions,
  calibrateShard,
  MergedCalibration,
} from './runs/calibrationShards.js';
export { evaluateShard, mergeShards } from './runs/shards.js';
export type { Shard, ShardRange } from './runs/shardFolders.js';
export {
  Evaluation,
  type EvaluationBatch,
  type EvaluationOptions,
  type EvaluationResult,
} from './runs/evaluation.js';
export { encodeImages, writeImagesNpz } from './runs/imagesNpz.js';
export { type TrajectoryOptions, type TrajectoryStepError, trajectoryError } from './runs/trajectory.js';

// Measurements that policies and ranks are chosen by.
export { type MeasureErrorsOptions, measureErrors } from './runs/measureErrors.js';
export { type MeasureGramsOptions, measureGrams } from './runs/measureGrams.js';
export { type MeasureLayersOptions, measureLayers } from './runs/measureLayers.js';
export { type OwnTrajectoriesOptions, ownTrajectories } from './runs/ownTrajectories.js';
export { type SubjectOptions, type Subjects, subjectsOf } from './runs/subjects.js';
export { chosenTrial, type RankTrial, type TryRanksOptions, tryRanks } from './runs/tryRanks.js';
export { type TuneBudget, type TuneOptions, type TuneResult, tune } from './runs/tune.js';
export type { Trial } from './runs/tuneTrials.js';
