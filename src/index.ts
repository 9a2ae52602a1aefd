/** incache: diffusion transformers with increment-calibrated caching. The main entry of the package in Node.js. */
export * from './common.js';

// The files of the small model of digits, package @incache/digits.
export { EMBEDDED_CALIBRATION_IMAGES, EMBEDDED_MODEL } from './embedded.js';

// What a model consists of, and what a run of it needs.
export type { ModelFiles, ModelPart } from './engine/modelFiles.js';
export type { SessionMemory, SessionPlan } from './engine/sessionPlan.js';

// Models as files to ship: converted, or exported with a cache policy.
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
