/** Reading forward through bytes that lie in memory or in a file. */
import { FormatError } from '../../errors.js';
import { fromUtf8 } from '../binary.js';

export interface ByteRange {
  readonly size: number;
  /** Fills `target` with the bytes from `position` on and returns it. */
  read(target: Uint8Array, position: number): Uint8Array;
}

/** Bytes that are read at a time. */
const WINDOW = 2 ** 16;

/** The longest line of an opcode that is written as text. */
const LONGEST_LINE = 2 ** 16;

export class ByteCursor {
  #window: Uint8Array = new Uint8Array(0);
  #windowStart: number;

  /** `what` begins the messages of errors. */
  constructor(
    readonly what: string,
    readonly source: ByteRange,
    public position = 0,
  ) {
    this.#windowStart = position;
  }

  static over(what: string, bytes: Uint8Array): ByteCursor {
    return new ByteCursor(what, {
      size: bytes.length,
      read: (target, position) => {
        target.set(bytes.subarray(position, position + target.length));
        return target;
      },
    });
  }

  byte(): number {
    const at = this.position - this.#windowStart;
    if (at < this.#window.length) {
      this.position++;
      return this.#window[at]!;
    }
    this.#refill();
    this.position++;
    return this.#window[0]!;
  }

  /** The next `length` bytes, a copy. Throws before it takes memory when there are not so many. */
  take(length: number): Uint8Array {
    if (length > this.source.size - this.position)
      this.refuse(`it ends ${length - (this.source.size - this.position)} bytes too early`);
    const bytes = new Uint8Array(length);
    const held = this.#window.subarray(this.position - this.#windowStart);
    const ready = Math.min(held.length, length);
    bytes.set(held.subarray(0, ready));
    if (ready < length) this.source.read(bytes.subarray(ready), this.position + ready);
    this.position += length;
    return bytes;
  }

  /** The text up to the next line feed, without it. */
  line(): string {
    const bytes: number[] = [];
    for (let byte = this.byte(); byte !== 0x0a; byte = this.byte()) {
      if (bytes.length === LONGEST_LINE) this.refuse(`a line is longer than ${LONGEST_LINE} bytes`);
      bytes.push(byte);
    }
    return fromUtf8(Uint8Array.from(bytes));
  }

  refuse(problem: string): never {
    throw new FormatError(`${this.what}: ${problem}`);
  }

  #refill(): void {
    const rest = this.source.size - this.position;
    if (rest <= 0) this.refuse('it ends too early');
    this.#windowStart = this.position;
    this.#window = this.source.read(new Uint8Array(Math.min(WINDOW, rest)), this.position);
  }
}
