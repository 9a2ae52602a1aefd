/** Where the text encoder of a model of prompts lies, and how it is used. */
import type { OptionNames } from '../../optionNames.js';

/** Options for models of prompts. */
export interface TextEncoderOptions {
  /** Its text encoder: a folder, a file or a whole pipeline. Default: the folder `text_encoder` of the model. */
  readonly textEncoder?: string;
  /** A folder with `spiece.model` or `tokenizer.json`, such a file, or a whole pipeline. Default: the folder `tokenizer` of the model. */
  readonly tokenizer?: string;
  /** Keep the encoder's weights on the device instead of reading them layer by layer for each run. Default false. */
  readonly keepTextEncoder?: boolean;
  /** A folder in which embeddings are kept from run to run, by prompt and encoder. Default: none. */
  readonly embeddingsCache?: string;
}

export const TEXT_ENCODER_OPTION_NAMES: OptionNames<TextEncoderOptions> = {
  textEncoder: true,
  tokenizer: true,
  keepTextEncoder: true,
  embeddingsCache: true,
};
