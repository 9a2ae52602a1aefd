/** `incache/weights`: files of tensors. */
export { type OpenOptions, openTensors } from './openTensors.js';
export { SafetensorsFile, writeSafetensors } from './safetensors.js';
export type { TensorInfo, TensorSource } from './tensorSource.js';
