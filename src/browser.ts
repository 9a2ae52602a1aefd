/**
 * incache in browsers: the main entry of the package under the condition `browser`. A page calls `openPipeline`, which
 * runs the engine in a worker. In workers of one's own the engine can be used directly: `mountFile` gives it files,
 * `Pipeline` runs.
 */
export * from './common.js';

// The engine in a worker of its own.
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
export type { NetworkInfo } from './models/network.js';

// Files of a page.
export { droppedFiles } from './browser/droppedFiles.js';
export { type FetchOptions, fetchFile } from './browser/fetchFile.js';
export { forgetFile, keepFile, keptFile } from './browser/keptFiles.js';
export { type FileContent, mountedFile, mountFile, unmountFile } from './platform/browser/files.js';
