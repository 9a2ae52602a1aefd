/**
 * SentencePiece's unigram model (Kudo, "Subword Regularization", 2018): a text is split into the pieces whose scores, the logarithms of
 * their probabilities, have the largest sum. Ties and roundings are those of the C++ library (0.1.97).
 */
import { type CharsMap, characterBytes } from './charsMap.js';
import { PieceTrie } from './pieceTrie.js';

export interface Piece {
  readonly text: string;
  /** The logarithm of its probability. */
  readonly score: number;
  /** Whether it may stand for a part of a text: not `<unk>`, `</s>` and others that only stand for themselves. */
  readonly matched: boolean;
}

export interface UnigramModel {
  /** Place in the list = id. */
  readonly pieces: readonly Piece[];
  readonly unknown: number;
  readonly charsMap: CharsMap;
  /** Whether a space is put before the text, and whether runs of spaces and those at both ends go. */
  readonly dummyPrefix: boolean;
  readonly collapseSpaces: boolean;
}

/** U+2581, which stands for a space in pieces. */
const SPACE_SYMBOL = Uint8Array.of(0xe2, 0x96, 0x81);
const SPACE = 0x20;

/** What a character without a piece of its own costs beside the worst piece. */
const UNKNOWN_PENALTY = 10;

export class Unigram {
  readonly #model: UnigramModel;
  readonly #trie: PieceTrie;
  readonly #scores: Float32Array;
  readonly #unknownScore: number;

  constructor(model: UnigramModel) {
    this.#model = model;
    this.#trie = new PieceTrie(model.pieces.map(({ text, matched }) => (matched ? text : '')));
    this.#scores = Float32Array.from(model.pieces, ({ score }) => score);
    const matched = this.#scores.filter((_, id) => model.pieces[id]!.matched);
    this.#unknownScore = Math.fround(matched.reduce((a, b) => Math.min(a, b), Infinity) - UNKNOWN_PENALTY);
  }

  /** Ids of the pieces of `text`. Lone surrogates count as U+FFFD. Linear in the length of the text. */
  encode(text: string): number[] {
    return this.#split(this.#normalize(new TextEncoder().encode(text)));
  }

  /** Replaces characters by the map, removes spaces that do not count, and writes those that do as U+2581. */
  #normalize(text: Uint8Array): Uint8Array {
    const { charsMap, collapseSpaces, dummyPrefix } = this.#model;
    const out = new ByteWriter(text.length + 16);
    let afterSpace = collapseSpaces;
    let begun = false;
    for (let at = 0; at < text.length; ) {
      const { bytes, length } = charsMap.replace(text, at);
      at += length;
      for (const byte of bytes) {
        if (byte === SPACE && afterSpace) continue;
        if (!begun && dummyPrefix) out.append(SPACE_SYMBOL);
        begun = true;
        if (byte === SPACE) out.append(SPACE_SYMBOL);
        else out.push(byte);
        afterSpace = byte === SPACE && collapseSpaces;
      }
    }
    if (collapseSpaces) while (out.endsWith(SPACE_SYMBOL)) out.drop(SPACE_SYMBOL.length);
    return out.bytes();
  }

  /** Viterbi's algorithm, from the left: the best way to every byte, then back from the last. */
  #split(text: Uint8Array): number[] {
    const bestScore = new Float32Array(text.length + 1);
    const bestPiece = new Int32Array(text.length + 1);
    const bestStart = new Int32Array(text.length + 1).fill(-1);
    // Sums are compared in float64 and kept in float32, and a later way wins only when it is better: ties are decided by that.
    const offer = (start: number, end: number, piece: number, sum: number) => {
      if (bestStart[end] !== -1 && !(sum > bestScore[end]!)) return;
      bestStart[end] = start;
      bestPiece[end] = piece;
      bestScore[end] = sum;
    };
    for (let start = 0; start < text.length; ) {
      const character = Math.max(1, characterBytes(text, start));
      let known = false;
      this.#trie.prefixes(text, start, (end, piece) => {
        offer(start, end, piece, bestScore[start]! + this.#scores[piece]!);
        known ||= end - start === character;
      });
      if (!known)
        offer(
          start,
          start + character,
          this.#model.unknown,
          Math.fround(bestScore[start]! + this.#unknownScore),
        );
      start += character;
    }
    const ids: number[] = [];
    for (let end = text.length; end > 0; end = bestStart[end]!) {
      const id = bestPiece[end]!;
      // Neighbours that are unknown are one unknown piece.
      if (id !== this.#model.unknown || ids.at(-1) !== id) ids.push(id);
    }
    return ids.reverse();
  }
}

/** Bytes of unknown number, one after another. */
class ByteWriter {
  #buffer: Uint8Array;
  #length = 0;

  constructor(capacity: number) {
    this.#buffer = new Uint8Array(capacity);
  }

  push(byte: number): void {
    if (this.#length === this.#buffer.length) {
      const larger = new Uint8Array(2 * this.#buffer.length);
      larger.set(this.#buffer);
      this.#buffer = larger;
    }
    this.#buffer[this.#length++] = byte;
  }

  append(bytes: Uint8Array): void {
    for (const byte of bytes) this.push(byte);
  }

  endsWith(bytes: Uint8Array): boolean {
    const start = this.#length - bytes.length;
    return start >= 0 && bytes.every((byte, i) => this.#buffer[start + i] === byte);
  }

  drop(count: number): void {
    this.#length -= count;
  }

  bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }
}
