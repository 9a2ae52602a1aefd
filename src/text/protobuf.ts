/** The wire format of protocol buffers (protobuf.dev, "Encoding"), as far as reading a message takes. */
import { FormatError } from '../errors.js';

/** One field of a message: an integer, the eight or four bytes of a number, or the bytes of a string or an inner message. */
export interface Field {
  readonly number: number;
  readonly value: number | Uint8Array;
}

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

/** The fields of a message in order. Throws a `FormatError` where the bytes end too early or a wire type is unknown. */
export function* readFields(bytes: Uint8Array, what: string): Generator<Field> {
  let at = 0;
  const take = (length: number): Uint8Array => {
    if (length > bytes.length - at) throw new FormatError(`${what} ends in the middle of a field`);
    at += length;
    return bytes.subarray(at - length, at);
  };
  // Exact up to 2^53; what is larger (negative numbers) is no length and no flag, and is not looked at.
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = take(1)[0]!;
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
    throw new FormatError(`${what} has a number of more than ten bytes`);
  };
  while (at < bytes.length) {
    const tag = varint();
    const wire = tag % 8;
    const number = Math.floor(tag / 8);
    if (wire === VARINT) yield { number, value: varint() };
    else if (wire === FIXED64) yield { number, value: take(8) };
    else if (wire === BYTES) yield { number, value: take(varint()) };
    else if (wire === FIXED32) yield { number, value: take(4) };
    else throw new FormatError(`${what} has a field of wire type ${wire}; expected 0, 1, 2 or 5`);
  }
}

/** The last value of a field that holds an integer. */
export function integerField(fields: readonly Field[], number: number, absent: number): number {
  const value = fields.findLast((field) => field.number === number)?.value;
  return typeof value === 'number' ? value : absent;
}

/** The last value of a field that holds bytes; empty where there is none. */
export function bytesField(fields: readonly Field[], number: number): Uint8Array {
  const value = fields.findLast((field) => field.number === number)?.value;
  return value instanceof Uint8Array ? value : new Uint8Array(0);
}
