/** From a prompt to the token ids of a T5 encoder, as `T5Tokenizer` of transformers makes them. */
import { fileExists, isFolder } from '#platform/files';
import { dirname, join } from '#platform/paths';
import { ArgumentError, FormatError, requireInteger } from '../errors.js';
import { FileBytes } from '../weights/fileBytes.js';
import { readJsonObject } from '../weights/jsonFile.js';
import { parseSpieceModel } from './spieceModel.js';
import { readTokenizerJson, type TokenizerJson } from './tokenizerJson.js';
import { Unigram } from './unigram.js';

/** Token ids of one prompt, padded at the end to a length. */
export interface Tokens {
  readonly ids: Int32Array;
  /** How many of them are the prompt's, `</s>` included; the others are padding. */
  readonly length: number;
  /** Whether the prompt was longer and has been cut. */
  readonly cut: boolean;
}

const PADDING = '<pad>';
const END = '</s>';
const UNKNOWN = '<unk>';

/** Default of `T5Tokenizer`, where its configuration does not say how many there are. */
const EXTRA_IDS = 100;

/** Characters of the longest pieces, by which is guessed how much text a number of tokens takes. */
const LONGEST_PIECE = 16;

/** A tokenizer's files are some MB; a wrong file of some GB is not read. */
const MOST_BYTES = 64 * 2 ** 20;

export class T5Tokenizer {
  readonly #unigram: Unigram;
  readonly #special: ReadonlyMap<string, number>;
  readonly #separator: RegExp;
  readonly #padding: number;
  readonly #end: number;

  /** @param vocabulary ids that the tokenizer can give: every id is below it */
  private constructor(
    { model, special }: TokenizerJson,
    readonly vocabulary: number,
    /** The file that it was read from. */
    readonly path: string,
  ) {
    this.#unigram = new Unigram(model);
    this.#special = special;
    this.#separator = new RegExp(`(${[...special.keys()].map(escaped).join('|')})`);
    this.#padding = requireToken(special, PADDING, path);
    this.#end = requireToken(special, END, path);
  }

  /**
   * Opens `spiece.model` or `tokenizer.json`, or a folder with one of them; the first is taken where both are there. Throws a
   * `FormatError` for a file that is none, an `ArgumentError` for a path without one.
   */
  static open(path: string): T5Tokenizer {
    const file = tokenizerFile(path);
    const read = file.endsWith('.json') ? readTokenizerJson(file) : readSpieceModel(file);
    const highest = Math.max(read.model.pieces.length - 1, ...read.special.values());
    return new T5Tokenizer(read, highest + 1, file);
  }

  /** All token ids of a text, `</s>` at the end, neither cut nor padded. */
  tokenize(text: string): number[] {
    const ids = this.#ids(text);
    return ids.at(-1) === this.#end ? ids : [...ids, this.#end];
  }

  /** Token ids in a fixed number: a longer prompt keeps its first `length - 1` tokens and `</s>`. */
  encode(text: string, length: number): Tokens {
    if (typeof text !== 'string') throw new ArgumentError('prompt', text, 'a string');
    requireInteger('length', length, 1);
    const all = this.#firstIds(text, length);
    const kept = all.slice(0, length - 1);
    if (kept.at(-1) !== this.#end) kept.push(this.#end);
    const ids = new Int32Array(length).fill(this.#padding);
    ids.set(kept);
    // A text that ends in `</s>` itself gets no second one.
    const whole = all.at(-1) === this.#end ? all.length : all.length + 1;
    return { ids, length: kept.length, cut: whole > length };
  }

  /**
   * At least the first `count` + 1 ids, or all: a text of megabytes is not split to its end for a hundred tokens. Text before a
   * space is split as if nothing followed, for no piece has a space inside.
   */
  #firstIds(text: string, count: number): number[] {
    for (let most = LONGEST_PIECE * (count + 1); most < text.length; most *= 4) {
      const space = text.lastIndexOf(' ', most);
      const ids = space > 0 ? this.#ids(text.slice(0, space)) : [];
      if (ids.length > count) return ids;
    }
    return this.#ids(text);
  }

  /** The text between special tokens is split into pieces, each part as if it stood alone. */
  #ids(text: string): number[] {
    const ids: number[] = [];
    for (const part of text.split(this.#separator)) {
      const special = this.#special.get(part);
      // One after another: a spread of millions of ids would overflow the stack.
      if (special !== undefined) ids.push(special);
      else for (const id of this.#unigram.encode(part)) ids.push(id);
    }
    return ids;
  }
}

function tokenizerFile(path: string): string {
  const candidates = isFolder(path) ? [join(path, 'spiece.model'), join(path, 'tokenizer.json')] : [path];
  const file = candidates.find((candidate) => fileExists(candidate));
  if (!file)
    throw new ArgumentError(
      'tokenizer',
      path,
      'a folder with spiece.model or tokenizer.json, or such a file',
    );
  return file;
}

/** The model file knows no `<extra_id_0>` and so on: they follow its pieces, the last one first. */
function readSpieceModel(path: string): TokenizerJson {
  const model = parseSpieceModel(readWhole(path), path);
  const special = new Map<string, number>();
  for (const name of [PADDING, END, UNKNOWN]) {
    const id = model.pieces.findIndex(({ text }) => text === name);
    if (id >= 0) special.set(name, id);
  }
  const extra = extraIds(path);
  for (let k = 0; k < extra; k++) special.set(`<extra_id_${k}>`, model.pieces.length + extra - 1 - k);
  return { model, special };
}

function readWhole(path: string): Uint8Array {
  using file = FileBytes.open(path);
  if (file.size > MOST_BYTES)
    throw new FormatError(`${path} has ${file.size} bytes, too many for a SentencePiece model`);
  return file.read(new Uint8Array(file.size), 0);
}

/** As `tokenizer_config.json` beside the model says. */
function extraIds(path: string): number {
  const config = join(dirname(path), 'tokenizer_config.json');
  const count = fileExists(config) ? (readJsonObject(config).extra_ids ?? EXTRA_IDS) : EXTRA_IDS;
  requireInteger(`extra_ids in ${config}`, count, 0, 10_000);
  return count;
}

function requireToken(special: ReadonlyMap<string, number>, name: string, path: string): number {
  const id = special.get(name);
  if (id === undefined)
    throw new FormatError(`${path} has no token ${name}; expected the tokenizer of a T5 encoder`);
  return id;
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
