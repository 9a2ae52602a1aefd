/** What may be said of a denoiser when its files are opened. */
import type { NetworkHints } from '../models/families.js';
import type { OptionNames } from '../optionNames.js';
import type { OpenOptions } from '../weights/openTensors.js';

export interface OpenModelOptions extends NetworkHints, OpenOptions {}

export const OPEN_MODEL_OPTION_NAMES: OptionNames<OpenModelOptions> = {
  heads: true,
  frequencyShift: true,
  sampleSize: true,
  positionScale: true,
  captionTokens: true,
  kvSampling: true,
  weightsKey: true,
  variant: true,
};
