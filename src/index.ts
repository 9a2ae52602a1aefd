/** incache: diffusion transformers with increment-calibrated caching. The public face of the package. */
export type {
  BackendStatus,
  Device,
  DeviceOptions,
  DeviceTensor,
  DeviceWeights,
  Executable,
  PlanBindings,
  WeightPrecision,
  WeightSource,
} from './backend/backend.js';
export { backends, openDevice } from './backend/choose.js';
export { CACHE_POLICIES, type CachePolicyName } from './cache/cachePolicy.js';
export { ErrorTable, type ErrorTableInfo, type KindErrors } from './cache/data/errorTable.js';
export { FactorSet, type FactorSetInfo, type LayerFactors } from './cache/data/factorSet.js';
export { loadRouterTable, type RouterTable } from './cache/data/routerTable.js';
export { StepGrams, type StepGramsInfo } from './cache/data/stepGrams.js';
export {
  type BinaryMatrix,
  GRANULARITIES,
  type Granularity,
  Schedule,
  scheduleLayers,
} from './cache/schedule.js';
export { type CalibrateOptions, calibrate, type RankChoice, type RankSpread } from './calibrate/calibrate.js';
export { type EncodeImagesOptions, encodeCalibrationImages } from './calibrate/encodedImages.js';
export { FACTOR_METHODS, type FactorMethod } from './calibrate/factors.js';
export { type CalibrationImages, loadCalibrationImages } from './calibrate/images.js';
export {
  type LoadedModel,
  type MeasureOptions,
  measureStatistics,
  type Statistics,
} from './calibrate/measureStatistics.js';
export type { LayerStatistics } from './calibrate/probe.js';
export {
  type CalibrationSource,
  type ImageSourceOptions,
  imageSource,
  type SourceOptions,
  type TrajectorySourceOptions,
  trajectorySource,
} from './calibrate/sources.js';
export { type RespacedProcess, respace } from './diffusion/noiseSchedule.js';
export { normals } from './diffusion/philox.js';
export {
  createSampler,
  SAMPLER_NAMES,
  type Sampler,
  type SamplerName,
  type SamplerSettings,
  type SamplerStep,
} from './diffusion/sampler.js';
export type { SchedulerConfig } from './diffusion/scheduler.js';
export { EMBEDDED_CALIBRATION_IMAGES, EMBEDDED_MODEL } from './embedded.js';
export { Autoencoder, type BatchShape, type DecodeOptions, type Encoded } from './engine/autoencoder.js';
export { DenoiserCheckpoint, type OpenModelOptions } from './engine/checkpoint.js';
export type { ModelFiles, ModelPart } from './engine/modelFiles.js';
export type { SessionMemory, SessionPlan } from './engine/sessionPlan.js';
export { VaeCheckpoint } from './engine/vaeCheckpoint.js';
export {
  ArgumentError,
  FormatError,
  IncacheError,
  NonFiniteError,
  OutOfMemoryError,
  PlanError,
} from './errors.js';
export { DigitsClassifier, EMBEDDED_CLASSIFIER } from './evaluate/features/digitsClassifier.js';
export {
  type ExtractedFeatures,
  type FeatureExtractor,
  type FeatureMaps,
  spatialFeatures,
} from './evaluate/features/featureExtractor.js';
export { OnnxExtractor, type OnnxExtractorOptions } from './evaluate/features/onnxExtractor.js';
export type { OnnxRuntime } from './evaluate/features/onnxRuntime.js';
export { frechetDistance } from './evaluate/metrics/frechet.js';
export { type Gaussian, GaussianAccumulator } from './evaluate/metrics/gaussian.js';
export {
  InceptionScore,
  type InceptionScoreOptions,
  type InceptionScoreResult,
  softmax,
} from './evaluate/metrics/inceptionScore.js';
export type { Pictures } from './evaluate/metrics/pictures.js';
export {
  type FeatureRows,
  type PrecisionRecall,
  precisionRecall,
} from './evaluate/metrics/precisionRecall.js';
export { meanPsnr, psnr } from './evaluate/metrics/psnr.js';
export { loadReference, measureReference, type Reference } from './evaluate/metrics/reference.js';
export { RelativeL2, relativeL2 } from './evaluate/metrics/relativeL2.js';
export { type PictureSize, ssim } from './evaluate/metrics/ssim.js';
export { readStatistics, type SetStatistics, writeStatistics } from './evaluate/metrics/statisticsFile.js';
export { type EvaluateOptions, type EvaluationReport, evaluateModel } from './evaluate/runs/evaluateModel.js';
export {
  Evaluation,
  type EvaluationBatch,
  type EvaluationOptions,
  type EvaluationResult,
} from './evaluate/runs/evaluation.js';
export { encodeImages, writeImagesNpz } from './evaluate/runs/imagesNpz.js';
export { type MeasureErrorsOptions, measureErrors } from './evaluate/runs/measureErrors.js';
export { type MeasureGramsOptions, measureGrams } from './evaluate/runs/measureGrams.js';
export { type MeasureLayersOptions, measureLayers } from './evaluate/runs/measureLayers.js';
export {
  type TrajectoryOptions,
  type TrajectoryStepError,
  trajectoryError,
} from './evaluate/runs/trajectory.js';
export { chosenTrial, type RankTrial, type TryRanksOptions, tryRanks } from './evaluate/runs/tryRanks.js';
export {
  type Trial,
  type TuneBudget,
  type TuneOptions,
  type TuneResult,
  tune,
} from './evaluate/runs/tune.js';
export type { Cell, Judge, Row, Tables } from './experiment/experiment.js';
export type { ExperimentProgress } from './experiment/progressEstimate.js';
export {
  EXPERIMENT_NAMES,
  type ExperimentName,
  type ExperimentOptions,
  runExperiment,
} from './experiment/runExperiment.js';
export {
  type ConvertedType,
  type ConvertOptions,
  type ConvertReport,
  convertModel,
} from './export/convert.js';
export {
  ExportedPipeline,
  type ExportedPipelineOptions,
  type ExportedSampleOptions,
} from './export/exportedPipeline.js';
export type { ModelHeader, ModelStep } from './export/format.js';
export type { ModelInput } from './export/inputs.js';
export { type ExportOptions, exportModel } from './export/modelFile.js';
export * from './models/dit/index.js';
export { namedNetwork } from './models/families.js';
export { type Label, LabelTable } from './models/labelTable.js';
export type { CacheForm } from './models/layers/actions.js';
export type { Block, Condition, Geometry, Layer, Network, Sublayer } from './models/network.js';
export { type DecodeLatentsOptions, decodeLatents } from './pipeline/decodeLatents.js';
export { DecodeError } from './pipeline/generate.js';
export type { CacheOptions, SampleOptions } from './pipeline/options.js';
export type { ImageOptions } from './pipeline/perImage.js';
export { grid, Picture } from './pipeline/picture.js';
export { type LoadOptions, Pipeline } from './pipeline/pipeline.js';
export { Recipe, type RecipeInfo, type RecipeMeasurement, type RecipeParameters } from './pipeline/recipe.js';
export type { SampledLatents, SampleReport, SampleResult, SampleStep } from './pipeline/result.js';
export {
  loadEmbeddings,
  saveEmbeddings,
  type TextEmbedding,
  type TextEmbeddings,
} from './pipeline/text/embeddings.js';
export { type Cost, costByLayer, costByOp, planCost } from './plan/cost.js';
export { parsePlan, serializePlan } from './plan/file.js';
export { layoutTemporaries } from './plan/layout.js';
export { planText } from './plan/text.js';
export type * from './plan/types.js';
export { validatePlan } from './plan/validate.js';
export { VERSION } from './version.js';
export { type OpenOptions, openTensors } from './weights/openTensors.js';
export { SafetensorsFile, writeSafetensors } from './weights/safetensors.js';
export type { TensorInfo, TensorSource } from './weights/tensorSource.js';
