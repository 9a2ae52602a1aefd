/** `tokenizer.json`: a unigram model as the Hugging Face tokenizers library writes it. */
import { FormatError } from '../errors.js';
import { readJsonObject } from '../weights/jsonFile.js';
import { CharsMap } from './charsMap.js';
import type { UnigramModel } from './unigram.js';

interface TokenizerFile {
  readonly added_tokens?: readonly { readonly id: number; readonly content: string }[];
  readonly normalizer?: Normalizer | null;
  readonly model?: {
    readonly type?: string;
    readonly unk_id?: number | null;
    readonly byte_fallback?: boolean;
    readonly vocab?: unknown;
  };
}

interface Normalizer {
  readonly type: string;
  readonly normalizers?: readonly Normalizer[];
  readonly precompiled_charsmap?: string;
}

export interface TokenizerJson {
  readonly model: UnigramModel;
  /** Tokens that are found in a text before anything else is done to it, by their text. */
  readonly special: ReadonlyMap<string, number>;
}

/** Throws a `FormatError` for anything but a unigram model without a fallback to bytes. */
export function readTokenizerJson(path: string): TokenizerJson {
  const { added_tokens: added = [], normalizer, model }: TokenizerFile = readJsonObject(path);
  const vocabulary = model?.vocab;
  if (model?.type !== 'Unigram' || model.byte_fallback === true || !isVocabulary(vocabulary))
    throw new FormatError(
      `${path} holds a tokenizer of type ${JSON.stringify(model?.type)}; expected Unigram without a fallback to bytes`,
    );
  const unknown = model.unk_id ?? -1;
  if (!vocabulary[unknown]) throw new FormatError(`${path} names no token for what is unknown (unk_id)`);
  const special = new Map(added.map(({ id, content }) => [content, id]));
  return {
    model: {
      pieces: vocabulary.map(([piece, score], id) => ({
        text: piece,
        score,
        matched: id !== unknown && !special.has(piece),
      })),
      unknown,
      charsMap: new CharsMap(charsMapOf(normalizer ?? undefined), path),
      dummyPrefix: true,
      collapseSpaces: true,
    },
    special,
  };
}

function isVocabulary(value: unknown): value is readonly (readonly [string, number])[] {
  return (
    Array.isArray(value) &&
    value.every(
      (entry) => Array.isArray(entry) && typeof entry[0] === 'string' && typeof entry[1] === 'number',
    )
  );
}

/** The map is one of the normalizers, or inside a sequence of them. */
function charsMapOf(normalizer: Normalizer | undefined): Uint8Array {
  const all = [normalizer, ...(normalizer?.normalizers ?? [])];
  const map = all.find((one) => one?.type === 'Precompiled')?.precompiled_charsmap ?? '';
  return Uint8Array.from(atob(map), (character) => character.charCodeAt(0));
}
