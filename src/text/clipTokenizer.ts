/** The tokenizer of CLIP (Radford et al., arXiv 2103.00020): byte pairs of lower-case words, each with its end marked. */
import { FormatError } from '../errors.js';
import { readJsonObject } from '../weights/jsonFile.js';
import { fixText } from './fixText.js';

const WORDS = /<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+/giu;
const [START, END] = ['<|startoftext|>', '<|endoftext|>'];
const END_OF_WORD = '</w>';
/** Words that are remembered. */
const MOST_KNOWN = 10_000;

interface TokenizerFile {
  readonly added_tokens?: readonly { readonly id: number; readonly content: string }[];
  readonly model?: {
    readonly type?: string;
    readonly vocab?: Readonly<Record<string, number>>;
    readonly merges?: readonly (string | readonly string[])[];
  };
}

export class ClipTokenizer {
  readonly #ids: ReadonlyMap<string, number>;
  readonly #ranks: ReadonlyMap<string, number>;
  readonly #bytes = byteCharacters();
  readonly #known = new Map<string, readonly number[]>();
  readonly #start: number;
  readonly #end: number;

  /** `merges`: pairs with a space between them, the most frequent first. Throws a `FormatError` without start and end. */
  constructor(vocabulary: ReadonlyMap<string, number>, merges: readonly string[], name = 'the tokenizer') {
    this.#ids = vocabulary;
    this.#ranks = new Map(merges.map((pair, rank) => [pair, rank]));
    const [start, end] = [vocabulary.get(START), vocabulary.get(END)];
    if (start === undefined || end === undefined)
      throw new FormatError(`${name} has no tokens ${START} and ${END}; expected a tokenizer of CLIP`);
    this.#start = start;
    this.#end = end;
  }

  /** Opens a `tokenizer.json` with byte pairs. */
  static load(path: string): ClipTokenizer {
    const { model, added_tokens: added = [] }: TokenizerFile = readJsonObject(path);
    if (typeof model?.vocab !== 'object' || !Array.isArray(model.merges))
      throw new FormatError(
        `${path} has no byte pairs (model.vocab, model.merges); expected a tokenizer.json of CLIP`,
      );
    const ids = new Map([
      ...Object.entries(model.vocab),
      ...added.map(({ content, id }) => [content, id] as const),
    ]);
    const merges = model.merges.map((pair) => (typeof pair === 'string' ? pair : pair.join(' ')));
    return new ClipTokenizer(ids, merges, path);
  }

  /** Start, at most `length` - 2 tokens of the text, end, and ends up to `length`. `used`: those before the padding. */
  encode(text: string, length: number): { readonly ids: number[]; readonly used: number } {
    const clean = fixText(text).replace(/\s+/gu, ' ').trim().toLowerCase();
    const tokens = (clean.match(WORDS) ?? []).flatMap((word) => this.#wordOf(word));
    const ids = [this.#start, ...tokens.slice(0, length - 2), this.#end];
    return { ids: [...ids, ...new Array<number>(length - ids.length).fill(this.#end)], used: ids.length };
  }

  #wordOf(word: string): readonly number[] {
    const known = this.#known.get(word);
    if (known) return known;
    const ids = this.#piecesOf(word).map((piece) => this.#ids.get(piece) ?? this.#end);
    if (this.#known.size < MOST_KNOWN) this.#known.set(word, ids);
    return ids;
  }

  /** Joins the pair of the lowest rank until no two neighbours are one. */
  #piecesOf(word: string): string[] {
    if (word === START || word === END) return [word];
    let pieces = Array.from(new TextEncoder().encode(word), (byte) => this.#bytes[byte]!);
    pieces[pieces.length - 1] += END_OF_WORD;
    while (pieces.length > 1) {
      const ranks = pieces
        .slice(1)
        .map((next, i) => this.#ranks.get(`${pieces[i]} ${next}`) ?? Number.POSITIVE_INFINITY);
      const best = Math.min(...ranks);
      if (best === Number.POSITIVE_INFINITY) break;
      const joined: string[] = [];
      for (let i = 0; i < pieces.length; i++)
        if (ranks[i] === best) joined.push(pieces[i]! + pieces[++i]!);
        else joined.push(pieces[i]!);
      pieces = joined;
    }
    return pieces;
  }
}

/** A printable character for every byte: itself where it is one, else one from U+0100 on, as in GPT-2. */
function byteCharacters(): string[] {
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => {
    const prints = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    return String.fromCharCode(prints ? byte : next++);
  });
}
