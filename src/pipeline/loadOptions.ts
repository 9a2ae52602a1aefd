/** What may be said when a model is opened. */
import type { DeviceOptions } from '../backend/backend.js';
import { DEVICE_OPTION_NAMES } from '../backend/choose.js';
import { OPEN_MODEL_OPTION_NAMES, type OpenModelOptions } from '../engine/openModelOptions.js';
import type { OptionNames } from '../optionNames.js';
import type { LatentFactors } from './decoder.js';
import { TEXT_ENCODER_OPTION_NAMES, type TextEncoderOptions } from './text/textEncoderOptions.js';

export interface LoadOptions extends DeviceOptions, OpenModelOptions, LatentFactors, TextEncoderOptions {
  /** Name of the backend; default: the fastest one present. */
  readonly backend?: string;
  /** The autoencoder that makes pictures of latents: a file or folder. Default: the folder `vae` of the model, if it has one. */
  readonly vae?: string;
}

export const LOAD_OPTION_NAMES: OptionNames<LoadOptions> = {
  ...DEVICE_OPTION_NAMES,
  ...OPEN_MODEL_OPTION_NAMES,
  ...TEXT_ENCODER_OPTION_NAMES,
  backend: true,
  vae: true,
  scalingFactor: true,
  shiftFactor: true,
};
