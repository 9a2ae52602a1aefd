/** What the main entry has in Node.js and in browsers alike: models, runs and what a run takes. */

// Models, and images from them.
export { DenoiserCheckpoint } from './engine/checkpoint.js';
export type { OpenModelOptions } from './engine/openModelOptions.js';
export { type Label, LabelTable } from './models/labelTable.js';
export { type DecodeLatentsOptions, decodeLatents } from './pipeline/decodeLatents.js';
export { DecodeError } from './pipeline/generate.js';
export type { CacheOptions, SampleOptions } from './pipeline/options.js';
export type { ImageOptions } from './pipeline/perImage.js';
export { grid, Picture } from './pipeline/picture.js';
export type { LoadOptions } from './pipeline/loadOptions.js';
export { Pipeline } from './pipeline/pipeline.js';
export type { SampledLatents, SampleReport, SampleResult, SampleStep } from './pipeline/result.js';

// Parts of a pipeline by themselves.
export { Autoencoder, type BatchShape, type DecodeOptions, type Encoded } from './engine/autoencoder.js';
export { VaeCheckpoint } from './engine/vaeCheckpoint.js';
export {
  loadEmbeddings,
  saveEmbeddings,
  type TextEmbedding,
  type TextEmbeddings,
} from './pipeline/text/embeddings.js';

// Caches: policies, and the files that they go by.
export { CACHE_POLICIES, type CachePolicyName, GATED_POLICIES } from './cache/cachePolicy.js';
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
export type { CacheForm } from './models/layers/actions.js';
export { Recipe, type RecipeInfo, type RecipeMeasurement, type RecipeParameters } from './pipeline/recipe.js';

// Samplers.
export { SAMPLER_NAMES, type SamplerName, type SamplerSettings } from './diffusion/sampler.js';
export type { SchedulerConfig } from './diffusion/scheduler.js';

// Backends.
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
export { backends, openDevice, probeBackends } from './backend/choose.js';

// Errors, and the version.
export {
  ArgumentError,
  FormatError,
  IncacheError,
  NonFiniteError,
  OutOfMemoryError,
  PlanError,
} from './errors.js';
export { VERSION } from './version.js';
