/** From prompts to embeddings: cleaning, tokenizer and text encoder, and what is remembered of them. */
import type { Device } from '../../backend/backend.js';
import { T5Checkpoint } from '../../engine/t5Checkpoint.js';
import { T5TextEncoder } from '../../engine/t5TextEncoder.js';
import { ArgumentError } from '../../errors.js';
import { cleanCaption, plainCaption } from '../../text/cleanCaption.js';
import { T5Tokenizer, type Tokens } from '../../text/t5Tokenizer.js';
import { fingerprintOf } from '../../weights/fingerprint.js';
import { EmbeddingCache } from './embeddingCache.js';
import type { TextEmbedding } from './embeddings.js';

export interface PromptEncoderOptions {
  /** Folders of the tokenizer and of the encoder. */
  readonly tokenizer: string;
  readonly textEncoder: string;
  /** Tokens that the network takes at most, and the width of their embeddings. */
  readonly tokens: number;
  readonly width: number;
  /** Whether the encoder's weights stay on the device, see `T5TextEncoder`. */
  readonly keep: boolean;
  /** A folder in which embeddings are kept from run to run. */
  readonly cacheFolder?: string | undefined;
}

/** Hashes that tell what embeds texts from all else that does: cheap ones, see `fingerprintOf`. */
export type TextEncoderKey = Readonly<Record<'textEncoder' | 'tokenizer', string>>;

export interface EncodedPrompt {
  readonly embedding: TextEmbedding;
  /** Whether the prompt was too long and has been cut. */
  readonly cut: boolean;
}

/** Encoded at once; what a layer makes of them in between lies in memory. */
const BATCH = 32;
/** Prompts that are remembered, with some 100 KB each. */
const MOST_REMEMBERED = 256;

export class PromptEncoder implements Disposable {
  readonly #options: PromptEncoderOptions;
  readonly #tokenizer: T5Tokenizer;
  readonly #encoder: T5TextEncoder;
  readonly #cache: EmbeddingCache | undefined;
  #key: TextEncoderKey | undefined;
  readonly #remembered = new Map<string, TextEmbedding>();

  /**
   * Reads the tokenizer, and of the encoder what describes it. Throws an `ArgumentError` for an encoder of another width than the
   * network's or another vocabulary than the tokenizer's.
   */
  constructor(device: Device, options: PromptEncoderOptions) {
    this.#options = options;
    this.#tokenizer = T5Tokenizer.open(options.tokenizer);
    const checkpoint = new T5Checkpoint(options.textEncoder);
    try {
      requireFitting(checkpoint, this.#tokenizer, options);
      const { cacheFolder } = options;
      if (cacheFolder !== undefined) {
        this.#key = keyOf(checkpoint, this.#tokenizer);
        this.#cache = new EmbeddingCache(cacheFolder, this.#key);
      }
      this.#encoder = new T5TextEncoder(checkpoint, device, { keep: options.keep });
    } catch (error) {
      checkpoint.dispose();
      throw error;
    }
  }

  get key(): TextEncoderKey {
    this.#key ??= keyOf(this.#encoder.checkpoint, this.#tokenizer);
    return this.#key;
  }

  /**
   * One for each prompt. Those that are the same, or have been encoded before, are not encoded again.
   * @param clean whether prompts are cleaned as the network's training data were
   */
  async encode(prompts: readonly string[], clean: boolean, signal?: AbortSignal): Promise<EncodedPrompt[]> {
    const captions = prompts.map((prompt) => (clean ? cleanCaption(prompt) : plainCaption(prompt)));
    const tokens = new Map<string, Tokens>();
    for (const caption of captions)
      if (!tokens.has(caption)) tokens.set(caption, this.#tokenizer.encode(caption, this.#options.tokens));
    const embeddings = new Map<string, TextEmbedding>();
    const missing = [...tokens.keys()].filter((caption) => {
      const known = this.#remembered.get(caption) ?? this.#cache?.find(caption, this.#options.tokens);
      if (known) embeddings.set(caption, known);
      return !known;
    });
    for (let first = 0; first < missing.length; first += BATCH) {
      const batch = missing.slice(first, first + BATCH);
      const encoded = await this.#encodeBatch(
        batch.map((caption) => tokens.get(caption)!),
        signal,
      );
      for (const [i, caption] of batch.entries()) {
        embeddings.set(caption, encoded[i]!);
        this.#cache?.store(caption, this.#options.tokens, encoded[i]!);
      }
    }
    for (const [caption, embedding] of embeddings) this.#remember(caption, embedding);
    return captions.map((caption) => ({
      embedding: embeddings.get(caption)!,
      cut: tokens.get(caption)!.cut,
    }));
  }

  /** The empty text with the rows of the tokens that pad it, as many as the network takes: they attend to the text alone. */
  async encodeEmpty(signal?: AbortSignal): Promise<TextEmbedding> {
    const { tokens: length, width } = this.#options;
    const empty = this.#tokenizer.encode('', length);
    return { values: await this.#encoder.encode([empty], { signal }), length, width };
  }

  dispose(): void {
    this.#encoder.dispose();
    this.#encoder.checkpoint.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** In as many tokens as the longest has: those that pad a prompt are attended to by none, so that their number changes nothing. */
  async #encodeBatch(batch: readonly Tokens[], signal: AbortSignal | undefined): Promise<TextEmbedding[]> {
    const { width } = this.#options;
    const longest = Math.max(...batch.map(({ length }) => length));
    const sequences = batch.map(({ ids, length }) => ({ ids: ids.slice(0, longest), length }));
    const values = await this.#encoder.encode(sequences, { signal });
    return batch.map(({ length }, i) => {
      const first = i * longest * width;
      return { values: values.slice(first, first + length * width), length, width };
    });
  }

  #remember(caption: string, embedding: TextEmbedding): void {
    this.#remembered.delete(caption);
    this.#remembered.set(caption, embedding);
    if (this.#remembered.size > MOST_REMEMBERED)
      this.#remembered.delete(this.#remembered.keys().next().value!);
  }
}

function keyOf({ files, config }: T5Checkpoint, { path, vocabulary }: T5Tokenizer): TextEncoderKey {
  return { textEncoder: fingerprintOf(files, config), tokenizer: fingerprintOf([path], { vocabulary }) };
}

/** Tables of embeddings are made larger than the vocabulary, to a multiple of this. */
const VOCABULARY_STEP = 128;

function requireFitting(
  { config, path }: T5Checkpoint,
  { vocabulary }: T5Tokenizer,
  { tokenizer, width }: PromptEncoderOptions,
): void {
  if (config.width !== width)
    throw new ArgumentError(
      'text encoder',
      path,
      `one whose embeddings have width ${width}, as the network takes them; this one has width ${config.width}`,
    );
  const spare = config.vocabulary - vocabulary;
  if (spare < 0 || spare >= VOCABULARY_STEP)
    throw new ArgumentError(
      'tokenizer',
      tokenizer,
      `one with the text encoder's vocabulary: it has ${vocabulary} tokens, and ${path} has ${config.vocabulary}`,
    );
}
