/** Embeddings of prompts, as a text encoder gives them or a file has them. */
import { FormatError } from '../../errors.js';
import { SafetensorsFile, writeSafetensors } from '../../weights/safetensors.js';

/** The embedding of one prompt: a row for each of its tokens, without those that pad it. */
export interface TextEmbedding {
  /** length x width, row-major. */
  readonly values: Float32Array;
  /** Tokens, `</s>` included; at least one. */
  readonly length: number;
  readonly width: number;
}

/** Embeddings that stand in place of prompts. */
export interface TextEmbeddings {
  /** One for each image. */
  readonly prompts: readonly TextEmbedding[];
  /** Embeddings of the negative prompts: one for all images or one for each. Needed for guidance where no text encoder makes one. */
  readonly negative?: readonly TextEmbedding[];
}

/** Names of diffusers' arguments, so that a file can be written from there too. */
const PROMPTS = 'prompt_embeds';
const NEGATIVE = 'negative_prompt_embeds';
const maskOf = (name: string): string => name.replace('embeds', 'attention_mask');

/**
 * Reads a safetensors file with `prompt_embeds`, prompts x tokens x width, and `prompt_attention_mask`, prompts x tokens: 1 for
 * tokens that count, which must come first; without a mask all count. `negative_prompt_embeds` and its mask may be there too.
 * Throws a `FormatError` that names the tensor which is missing or not of that kind.
 */
export function loadEmbeddings(path: string): TextEmbeddings {
  using file = SafetensorsFile.open(path);
  const prompts = readAll(file, PROMPTS);
  return file.names.includes(NEGATIVE) ? { prompts, negative: readAll(file, NEGATIVE) } : { prompts };
}

/** Writes what `loadEmbeddings` reads, padded with zeros to the longest prompt. Throws an `IncacheError` that names the path. */
export function saveEmbeddings(path: string, { prompts, negative }: TextEmbeddings): void {
  writeSafetensors(path, [
    ...tensorsOf(PROMPTS, prompts),
    ...(negative ? tensorsOf(NEGATIVE, negative) : []),
  ]);
}

function readAll(file: SafetensorsFile, name: string): TextEmbedding[] {
  const { shape } = file.entry(name);
  const [count, tokens, width] = shape as [number, number, number];
  if (shape.length !== 3 || shape.some((size) => size < 1))
    throw new FormatError(
      `${file.path}: tensor '${name}' has shape [${shape}]; expected [prompts, tokens, width]`,
    );
  const values = file.read(name);
  const bad = values.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0)
    throw new FormatError(`${file.path}: tensor '${name}' holds ${values[bad]}; expected finite numbers`);
  const lengths = lengthsOf(file, maskOf(name), count, tokens);
  return lengths.map((length, i) => {
    const first = i * tokens * width;
    return { values: values.slice(first, first + length * width), length, width };
  });
}

function lengthsOf(file: SafetensorsFile, name: string, count: number, tokens: number): number[] {
  if (!file.names.includes(name)) return new Array(count).fill(tokens);
  const { shape } = file.entry(name);
  if (shape.join() !== [count, tokens].join())
    throw new FormatError(
      `${file.path}: tensor '${name}' has shape [${shape}]; expected [${count}, ${tokens}]`,
    );
  const mask = file.read(name);
  return Array.from({ length: count }, (_, i) => {
    const row = mask.subarray(i * tokens, (i + 1) * tokens);
    const strange = row.find((value) => value !== 0 && value !== 1);
    if (strange !== undefined)
      throw new FormatError(`${file.path}: row ${i} of '${name}' holds ${strange}; expected 0 and 1`);
    const length = row.findLastIndex((value) => value !== 0) + 1;
    if (length === 0 || row.subarray(0, length).includes(0))
      throw new FormatError(
        `${file.path}: row ${i} of '${name}' keeps ${length === 0 ? 'no token' : 'tokens with gaps between them'}; expected at least one, then padding`,
      );
    return length;
  });
}

function tensorsOf(name: string, embeddings: readonly TextEmbedding[]) {
  const tokens = Math.max(...embeddings.map(({ length }) => length));
  const { width } = embeddings[0]!;
  const values = new Float32Array(embeddings.length * tokens * width);
  const mask = new Uint8Array(embeddings.length * tokens);
  for (const [i, embedding] of embeddings.entries()) {
    values.set(embedding.values, i * tokens * width);
    mask.fill(1, i * tokens, i * tokens + embedding.length);
  }
  return [
    { name, dtype: 'F32', shape: [embeddings.length, tokens, width], data: values },
    { name: maskOf(name), dtype: 'U8', shape: [embeddings.length, tokens], data: mask },
  ] as const;
}
