/** The character map of a SentencePiece model: which sequences of bytes are replaced before a text is split into pieces. */
import { FormatError } from '../errors.js';

/** What one character, or a sequence that the map knows, becomes, and how many bytes of the text it took. */
export interface Replaced {
  readonly bytes: Uint8Array;
  readonly length: number;
}

const REPLACEMENT_CHARACTER = Uint8Array.of(0xef, 0xbf, 0xbd);

/**
 * `precompiled_charsmap` of a model: a 32-bit size in bytes, a double array of that size (the trie of the sequences that are
 * replaced; Darts-clone's layout), and the replacements, each ended by a zero byte.
 */
export class CharsMap {
  readonly #units: Uint32Array;
  readonly #replacements: Uint8Array;

  /** Throws a `FormatError` when the sizes in it do not fit. An empty map replaces nothing. */
  constructor(bytes: Uint8Array, what: string) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const size = bytes.length >= 4 ? view.getUint32(0, true) : 0;
    if (bytes.length > 0 && (bytes.length < 4 || size % 4 !== 0 || size > bytes.length - 4))
      throw new FormatError(`${what}: its character map does not have the size that it says`);
    this.#units = Uint32Array.from({ length: size / 4 }, (_, i) => view.getUint32(4 + 4 * i, true));
    this.#replacements = bytes.subarray(4 + size);
  }

  /** The longest sequence of the map that `text` has at byte `at`, replaced; else the character there as it is. */
  replace(text: Uint8Array, at: number): Replaced {
    const match = this.#longest(text, at);
    if (match) return { bytes: this.#replacement(match.value), length: match.length };
    const length = characterBytes(text, at);
    return length > 0
      ? { bytes: text.subarray(at, at + length), length }
      : { bytes: REPLACEMENT_CHARACTER, length: 1 };
  }

  #longest(text: Uint8Array, at: number): { value: number; length: number } | undefined {
    const units = this.#units;
    if (units.length === 0) return undefined;
    let found: { value: number; length: number } | undefined;
    let node = offsetOf(units[0]!);
    for (let end = at; end < text.length; end++) {
      node ^= text[end]!;
      const unit = units[node];
      if (unit === undefined || labelOf(unit) !== text[end]) break;
      node ^= offsetOf(unit);
      const leaf = units[node];
      if (hasLeaf(unit) && leaf !== undefined) found = { value: leaf & 0x7fffffff, length: end + 1 - at };
    }
    return found;
  }

  #replacement(start: number): Uint8Array {
    const end = this.#replacements.indexOf(0, start);
    return this.#replacements.subarray(start, end < 0 ? this.#replacements.length : end);
  }
}

function offsetOf(unit: number): number {
  return (unit >>> 10) << ((unit & 512) >>> 6);
}

/** The byte that leads to a node; a leaf's value has its highest bit set and equals no byte. */
function labelOf(unit: number): number {
  return (unit & 0x800000ff) >>> 0;
}

function hasLeaf(unit: number): boolean {
  return ((unit >>> 8) & 1) === 1;
}

/** Bytes of the UTF-8 character at `at` of a valid text; 0 in the middle of one. */
export function characterBytes(text: Uint8Array, at: number): number {
  const first = text[at]!;
  const length = first < 0x80 ? 1 : first < 0xc0 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  return length <= text.length - at ? length : 0;
}
