/**
 * incache in browsers: the public face of the package under the condition `browser`. A page calls `openPipeline`, which runs the
 * engine in a worker. In workers of one's own the engine can be used directly: `mountFile` gives it files,
 * `Pipeline` runs.
 */
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
export { droppedFiles } from './browser/droppedFiles.js';
export type {
  CalibrateRequest,
  EngineOptions,
  LayerState,
  ModelInfo,
  ModelParts,
  PictureSource,
  SchedulePlan,
  StepErrors,
} from './browser/engineMethods.js';
export { type FetchOptions, fetchFile } from './browser/fetchFile.js';
export { forgetFile, keepFile, keptFile } from './browser/keptFiles.js';
export type { PageModel } from './browser/modelParts.js';
export {
  type DownloadProgress,
  EMBEDDED_CALIBRATION_IMAGES_URL,
  EMBEDDED_MODEL_URL,
  type OpenPipelineOptions,
  openPipeline,
  type PagePipeline,
  type WorkOptions,
} from './browser/openPipeline.js';
export { type BrowserSupport, browserSupport } from './browser/support.js';
export { CACHE_POLICIES, type CachePolicyName } from './cache/cachePolicy.js';
export { FACTOR_METHODS, type FactorMethod } from './cache/data/factorMethods.js';
export { FactorSet, type FactorSetInfo, type LayerFactors } from './cache/data/factorSet.js';
export { type BinaryMatrix, GRANULARITIES, type Granularity, Schedule } from './cache/schedule.js';
export { type CalibrateOptions, calibrate } from './calibrate/calibrate.js';
export { type CalibrationImages, loadCalibrationImages } from './calibrate/images.js';
export {
  type CalibrationSource,
  imageSource,
  type TrajectorySourceOptions,
  trajectorySource,
} from './calibrate/sources.js';
export { normals } from './diffusion/philox.js';
export { createSampler, SAMPLER_NAMES, type Sampler, type SamplerName } from './diffusion/sampler.js';
export { DenoiserCheckpoint, type OpenModelOptions } from './engine/checkpoint.js';
export { VaeCheckpoint } from './engine/vaeCheckpoint.js';
export {
  ArgumentError,
  FormatError,
  IncacheError,
  NonFiniteError,
  OutOfMemoryError,
  PlanError,
} from './errors.js';
export { meanPsnr, psnr } from './evaluate/metrics/psnr.js';
export { relativeL2 } from './evaluate/metrics/relativeL2.js';
export * from './models/dit/index.js';
export { type Label, LabelTable } from './models/labelTable.js';
export type { NetworkInfo } from './models/network.js';
export type { CacheOptions, SampleOptions } from './pipeline/options.js';
export type { ImageOptions } from './pipeline/perImage.js';
export { grid, Picture } from './pipeline/picture.js';
export { type LoadOptions, Pipeline } from './pipeline/pipeline.js';
export type { SampledLatents, SampleReport, SampleResult, SampleStep } from './pipeline/result.js';
export { type FileContent, mountedFile, mountFile, unmountFile } from './platform/browser/files.js';
export { VERSION } from './version.js';
export { type OpenOptions, openTensors } from './weights/openTensors.js';
export type { TensorInfo, TensorSource } from './weights/tensorSource.js';
