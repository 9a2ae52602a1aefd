/** Finds which pieces a text has at a place: a trie over their UTF-8 bytes. */
export class PieceTrie {
  /** Node and byte -> node: `256 * node + byte`. */
  readonly #next = new Map<number, number>();
  /** By node, the piece that ends there; -1 where none does. */
  readonly #piece: number[] = [-1];

  /** Place in the list = piece; empty texts are left out. */
  constructor(pieces: readonly string[]) {
    const encoder = new TextEncoder();
    for (const [piece, text] of pieces.entries()) {
      if (text === '') continue;
      let node = 0;
      for (const byte of encoder.encode(text)) node = this.#child(node, byte);
      this.#piece[node] = piece;
    }
  }

  #child(node: number, byte: number): number {
    const key = 256 * node + byte;
    const known = this.#next.get(key);
    if (known !== undefined) return known;
    const made = this.#piece.push(-1) - 1;
    this.#next.set(key, made);
    return made;
  }

  /** Calls `found` with the end of every piece that begins at byte `start`, shortest first. */
  prefixes(text: Uint8Array, start: number, found: (end: number, piece: number) => void): void {
    let node: number | undefined = 0;
    for (let at = start; at < text.length; at++) {
      node = this.#next.get(256 * node + text[at]!);
      if (node === undefined) return;
      const piece = this.#piece[node]!;
      if (piece >= 0) found(at + 1, piece);
    }
  }
}
