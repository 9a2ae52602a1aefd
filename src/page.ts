/**
 * What a page needs, entry `incache/page`: `openPipeline`, which runs the engine in a worker, files of the page, and what goes
 * to and fro. `incache` has all of it and the engine too, which a page does without.
 */

export { readFactors, readRecipe, savedFile } from './browser/cacheFiles.js';
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
  TrajectorySource,
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
export type { FactorSet } from './cache/data/factorSet.js';
export type { NetworkInfo } from './models/network.js';
export type { SampleOptions } from './pipeline/options.js';
export { grid, Picture } from './pipeline/picture.js';
export type { Recipe } from './pipeline/recipe.js';
export type { SampledLatents, SampleResult, SampleStep } from './pipeline/result.js';
export { type FileContent, mountedFile, mountFile, unmountFile } from './platform/browser/files.js';
