/** The prompts of a pipeline: where its text encoder lies, and what stands in for a prompt where there is none. */
import type { Device } from '../../backend/backend.js';
import type { DenoiserCheckpoint } from '../../engine/checkpoint.js';
import { partFolder } from '../../engine/modelFiles.js';
import { ArgumentError, IncacheError } from '../../errors.js';
import type { Network } from '../../models/network.js';
import { CAPTION_TOKENS, NULL_CAPTION } from '../../models/pixart/config.js';
import type { TextEmbedding } from './embeddings.js';
import { PromptEncoder, type TextEncoderKey } from './promptEncoder.js';
import type { RunEmbeddings } from './textConditions.js';
import type { TextEncoderOptions } from './textEncoderOptions.js';
import { type ResolvedText, type TextOptions, textCondition } from './textOptions.js';

/** What guidance leads away from. */
export interface NegativeText {
  /** One for all images or one for each. */
  readonly embeddings: readonly TextEmbedding[];
  /** Whether so many tokens of it count as the prompt of the image has. */
  readonly asPrompt: boolean;
}

/** What draws prompts, as far as its texts go. */
export interface PromptModel {
  readonly path: string;
  readonly network: Pick<Network, 'conditions'>;
  /** The folders of its text encoder and tokenizer, where it has them. */
  readonly parts: Readonly<Partial<Record<'text_encoder' | 'tokenizer', string>>>;
  /**
   * What it leads away from where no negative prompt is given; undefined: the empty text. `padded`: the empty text with the rows of
   * the tokens that pad it, of which so many count as the prompt of the image has.
   */
  nullText(hasEncoder: boolean): NegativeText | 'padded' | undefined;
}

export class Prompts implements Disposable {
  readonly #model: PromptModel;
  readonly #device: Device;
  readonly #options: TextEncoderOptions;
  #encoder: PromptEncoder | undefined;

  constructor(model: PromptModel, device: Device, options: TextEncoderOptions) {
    this.#model = model;
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
      text.embeddings?.prompts ?? (await this.#encode('prompt', text.prompts!, text.clean, notes, signal));
    if (!guided) {
      if (text.negative) notes.push('negative prompts have no effect without guidance (guidance scale 1)');
      return { prompts, negative: prompts.slice(0, 1) };
    }
    const negative = await this.negative(text, notes, signal);
    if (!negative)
      throw new IncacheError(
        `${this.#model.path} has no text encoder for the negative prompt that guidance needs; give negative embeddings too, or guidanceScale 1`,
      );
    return { prompts, negative: negative.asPrompt ? prompts.map(likeOf(negative)) : negative.embeddings };
  }

  /** Undefined where there is no text encoder for it. */
  async negative(
    text: ResolvedText,
    notes: string[],
    signal?: AbortSignal,
  ): Promise<NegativeText | undefined> {
    const ofTexts = async (texts: readonly string[]) => ({
      embeddings: await this.#encode('negative prompt', texts, text.clean, notes, signal),
      asPrompt: false,
    });
    if (text.negative) return ofTexts(text.negative);
    if (text.embeddings?.negative) return { embeddings: text.embeddings.negative, asPrompt: false };
    const own = this.#model.nullText(this.#hasEncoder);
    if (own === 'padded') return { embeddings: [await this.#open().encodeEmpty(signal)], asPrompt: true };
    return own ?? (this.#hasEncoder ? ofTexts(['']) : undefined);
  }

  /** What tells the encoder of these texts from every other. Undefined where all is embedded already, or nothing can be. */
  encoderOf({ prompts, negativePrompt, embeddings }: TextOptions): TextEncoderKey | undefined {
    const needsNone = embeddings?.negative !== undefined || !this.#hasEncoder;
    if (prompts === undefined && negativePrompt === undefined && needsNone) return undefined;
    return this.#open().key;
  }

  /** Frees the encoder. */
  dispose(): void {
    this.#encoder?.dispose();
    this.#encoder = undefined;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  get #hasEncoder(): boolean {
    return (this.#options.textEncoder ?? this.#model.parts.text_encoder) !== undefined;
  }

  /** `kind`: what they are called. */
  async #encode(
    kind: string,
    prompts: readonly string[],
    clean: boolean,
    notes: string[],
    signal: AbortSignal | undefined,
  ): Promise<TextEmbedding[]> {
    const encoded = await this.#open().encode(prompts, clean, signal);
    const cut = encoded.filter((each) => each.cut).length;
    if (cut > 0) {
      const { rows } = textCondition(this.#model.network)!;
      notes.push(
        `${cut === 1 ? `a ${kind} is` : `${cut} ${kind}s are`} longer than the ${rows} tokens that the model reads, and ${cut === 1 ? 'was' : 'were'} cut`,
      );
    }
    return encoded.map(({ embedding }) => embedding);
  }

  #open(): PromptEncoder {
    if (this.#encoder) return this.#encoder;
    const { path, parts, network } = this.#model;
    const { keepTextEncoder = false, embeddingsCache } = this.#options;
    const textEncoder = partOf(this.#options.textEncoder, 'text_encoder') ?? parts.text_encoder;
    const tokenizer = partOf(this.#options.tokenizer, 'tokenizer') ?? parts.tokenizer;
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

/** The folder of a part, where a whole pipeline is given for it. */
function partOf(path: string | undefined, part: 'text_encoder' | 'tokenizer'): string | undefined {
  return path === undefined ? undefined : (partFolder(path, part) ?? path);
}

/** The first rows of the negative text, as many as a prompt has. */
function likeOf({ embeddings }: NegativeText): (prompt: TextEmbedding, image: number) => TextEmbedding {
  return ({ length, width }, image) => {
    const { values } = embeddings[image % embeddings.length]!;
    return { values: values.slice(0, length * width), length, width };
  };
}

/**
 * A checkpoint. The original alpha leads away from what was learned for no caption, the original Sigma from the padded empty text,
 * both under the mask of the caption; diffusers leads both away from the empty text under its own mask.
 */
function promptModel(checkpoint: DenoiserCheckpoint): PromptModel {
  const { path, network, files, layout } = checkpoint;
  return {
    path,
    network,
    parts: files.parts,
    nullText: (hasEncoder) => {
      const { rows, columns: width } = textCondition(network)!;
      const isOriginal = layout === 'pixart';
      // An original file says by the length of its captions whose it is.
      if (hasEncoder && isOriginal && rows === CAPTION_TOKENS.sigma) return 'padded';
      const isAlpha = isOriginal && rows === CAPTION_TOKENS.alpha;
      if (!checkpoint.has(NULL_CAPTION) || (hasEncoder && !isAlpha)) return undefined;
      const values = checkpoint.read(NULL_CAPTION);
      return { embeddings: [{ values, length: values.length / width, width }], asPrompt: true };
    },
  };
}

/** Those of a pipeline. */
export function promptsOf(
  checkpoint: DenoiserCheckpoint,
  device: Device,
  options: TextEncoderOptions,
): Prompts {
  return new Prompts(promptModel(checkpoint), device, options);
}
