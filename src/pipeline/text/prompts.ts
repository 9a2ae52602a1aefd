/** The prompts of a pipeline: where its text encoder lies, and what stands in for a prompt where there is none. */
import type { Device } from '../../backend/backend.js';
import type { DenoiserCheckpoint } from '../../engine/checkpoint.js';
import { ArgumentError, IncacheError } from '../../errors.js';
import { CAPTION_TOKENS } from '../../models/pixart/config.js';
import { NULL_CAPTION } from '../../models/pixart/inferConfig.js';
import type { OptionNames } from '../../optionNames.js';
import type { TextEmbedding } from './embeddings.js';
import { PromptEncoder } from './promptEncoder.js';
import type { RunEmbeddings } from './textConditions.js';
import { type ResolvedText, textCondition } from './textOptions.js';

/** Of a model of prompts. */
export interface TextEncoderOptions {
  /** Its text encoder: a folder or file. Default: the folder `text_encoder` of the model. */
  readonly textEncoder?: string;
  /** A folder with `spiece.model` or `tokenizer.json`, or such a file. Default: the folder `tokenizer` of the model. */
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

export class Prompts implements Disposable {
  readonly #checkpoint: DenoiserCheckpoint;
  readonly #device: Device;
  readonly #options: TextEncoderOptions;
  #encoder: PromptEncoder | undefined;

  constructor(checkpoint: DenoiserCheckpoint, device: Device, options: TextEncoderOptions) {
    this.#checkpoint = checkpoint;
    this.#device = device;
    this.#options = options;
  }

  /**
   * The embeddings of a run; what was done to prompts is added to `notes`, a sentence each. Without guidance there is no negative one.
   * Rejects with an `IncacheError` that says how to give embeddings where there is no text encoder.
   */
  async embed(
    text: ResolvedText,
    guided: boolean,
    notes: string[],
    signal?: AbortSignal,
  ): Promise<RunEmbeddings> {
    const prompts =
      text.embeddings?.prompts ?? (await this.#encode(text.prompts!, text.clean, notes, signal));
    if (!guided) return { prompts, negative: prompts.slice(0, 1) };
    if (text.negative)
      return { prompts, negative: await this.#encode(text.negative, text.clean, notes, signal) };
    const negative = text.embeddings?.negative ?? this.#nullCaptions(prompts);
    return { prompts, negative: negative ?? (await this.#encode([''], text.clean, notes, signal)) };
  }

  /** Frees the encoder. */
  dispose(): void {
    this.#encoder?.dispose();
    this.#encoder = undefined;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  async #encode(
    prompts: readonly string[],
    clean: boolean,
    notes: string[],
    signal: AbortSignal | undefined,
  ): Promise<TextEmbedding[]> {
    const encoded = await this.#open().encode(prompts, clean, signal);
    const cut = encoded.filter((each) => each.cut).length;
    if (cut > 0) {
      const { rows } = textCondition(this.#checkpoint.network)!;
      notes.push(
        `${cut === 1 ? 'a prompt is' : `${cut} prompts are`} longer than the ${rows} tokens that the model reads, and ${cut === 1 ? 'was' : 'were'} cut`,
      );
    }
    return encoded.map(({ embedding }) => embedding);
  }

  /**
   * Of the original alpha, whose guidance takes what was learned for no caption, with as many tokens as the caption has. Sigma
   * takes the empty text, as diffusers does for both.
   */
  #nullCaptions(prompts: readonly TextEmbedding[]): TextEmbedding[] | undefined {
    const { path, network } = this.#checkpoint;
    const { columns: width } = textCondition(network)!;
    const isLearned = this.#checkpoint.has(NULL_CAPTION);
    if (this.#hasEncoder && !(isLearned && this.#isAlpha)) return undefined;
    if (!isLearned)
      throw new IncacheError(
        `${path} has no text encoder for the negative prompt that guidance needs; give negative embeddings too, or guidanceScale 1`,
      );
    const learned = this.#checkpoint.read(NULL_CAPTION);
    return prompts.map(({ length }) => ({ values: learned.slice(0, length * width), length, width }));
  }

  /** Of an original file, which says so by the length of its captions. */
  get #isAlpha(): boolean {
    return (
      this.#checkpoint.layout === 'pixart' &&
      textCondition(this.#checkpoint.network)!.rows === CAPTION_TOKENS.alpha
    );
  }

  get #hasEncoder(): boolean {
    return (this.#options.textEncoder ?? this.#checkpoint.files.parts.text_encoder) !== undefined;
  }

  #open(): PromptEncoder {
    if (this.#encoder) return this.#encoder;
    const { path, files, network } = this.#checkpoint;
    const {
      textEncoder = files.parts.text_encoder,
      keepTextEncoder = false,
      embeddingsCache,
    } = this.#options;
    const tokenizer = this.#options.tokenizer ?? files.parts.tokenizer;
    if (textEncoder === undefined)
      throw new IncacheError(
        `${path} has no text encoder in a folder 'text_encoder'; one can be given (option textEncoder, --text-encoder on the command line), or embeddings instead of prompts (embeddings, --embeddings)`,
      );
    if (tokenizer === undefined)
      throw new ArgumentError(
        'tokenizer',
        undefined,
        `a folder with spiece.model or tokenizer.json: ${path} has none`,
      );
    const { rows: tokens, columns: width } = textCondition(network)!;
    this.#encoder = new PromptEncoder(this.#device, {
      ...{ tokenizer, textEncoder, tokens, width, keep: keepTextEncoder },
      cacheFolder: embeddingsCache,
    });
    return this.#encoder;
  }
}
