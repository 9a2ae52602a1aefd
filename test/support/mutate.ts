/** Damage to files, from a seed: bytes as a disk or a network spoils them, and JSON as a careless or hostile program writes it. */
import type { Random } from './random.js';

const NUMBERS = [0, 1, -1, 127, 128, 255, 256, 32_767, 65_535, 2 ** 31 - 1, -(2 ** 31), 2 ** 32 - 1];
/** What programs are known to trip over where they expect a number, a name or a type. */
const TEXTS = [
  ...['-1', '0', '1', '00', '1e9', '1e308', '1e999', '4294967296', '9007199254740993', '0.5', 'null', '{}'],
  ...[
    '[]',
    '""',
    'true',
    'NaN',
    '-Infinity',
    '"__proto__"',
    '"constructor"',
    '"\\u0000"',
    '"\\ud800"',
    '"../x"',
  ],
  ...['F32', 'F64', 'BF16', 'I64', 'U8', 'BOOL', 'F8_E4M3', '<f4', '>f8', '|O', 'True', "{'descr': '<f4'}"],
];
const VALUES: readonly unknown[] = [
  ...[null, true, false, 0, -1, 1, 2, 0.5, 1e9, 2 ** 31, 2 ** 32, 2 ** 53, -(2 ** 53), 1e308],
  ...['', 'x', '0', 'constructor', '__proto__', 'toString', '../../x', '\u0000', '\ud800', '\u001b[31m'],
  ...[[], [[]], {}, [0], [-1, 1], [1e9, 1e9, 1e9], { toString: 1 }, { length: -1 }],
];

/** A copy with one to four kinds of damage. `others` lend it pieces. */
export function mutatedBytes(random: Random, bytes: Uint8Array, others: readonly Uint8Array[]): Uint8Array {
  let result: Uint8Array = bytes.slice();
  for (let left = random.integer(1, 4); left > 0; left--)
    result = random.pick(DAMAGES)(random, result, others);
  return result;
}

type Damage = (random: Random, bytes: Uint8Array, others: readonly Uint8Array[]) => Uint8Array;

const DAMAGES: readonly Damage[] = [
  // A bit.
  (random, bytes) => replaced(bytes, placeIn(random, bytes), (byte) => [byte ^ (1 << random.integer(0, 7))]),
  // A byte.
  (random, bytes) => replaced(bytes, placeIn(random, bytes), () => [random.integer(0, 255)]),
  // A number of two, four or eight bytes.
  (random, bytes) => {
    const width = random.pick([2, 4, 8]);
    const value = BigInt.asUintN(64, BigInt(random.pick(NUMBERS)));
    const little = Array.from({ length: width }, (_, i) => Number((value >> BigInt(8 * i)) & 255n));
    return spliced(bytes, placeIn(random, bytes), width, Uint8Array.from(little));
  },
  // A range that is missing, twice there, or zeros.
  (random, bytes) => spliced(bytes, placeIn(random, bytes), lengthIn(random, bytes), new Uint8Array()),
  (random, bytes) => {
    const place = placeIn(random, bytes);
    return spliced(bytes, place, 0, bytes.slice(place, place + lengthIn(random, bytes)));
  },
  (random, bytes) => {
    const length = lengthIn(random, bytes);
    return spliced(bytes, placeIn(random, bytes), length, new Uint8Array(length));
  },
  // An end too early.
  (random, bytes) => bytes.slice(0, placeIn(random, bytes)),
  // A piece of another file.
  (random, bytes, others) => {
    const other = random.pick(others);
    const from = placeIn(random, other);
    const piece = other.slice(from, from + lengthIn(random, other));
    return spliced(bytes, placeIn(random, bytes), random.pick([0, piece.length]), piece);
  },
  // A word, or another in the place of a number.
  (random, bytes) => spliced(bytes, placeIn(random, bytes), 0, textBytes(random.pick(TEXTS))),
  (random, bytes) => {
    const numbers = [...Buffer.from(bytes).toString('latin1').matchAll(/\d+/g)];
    if (numbers.length === 0) return bytes;
    const { index, 0: digits } = random.pick(numbers);
    const other = random.pick([random.pick(TEXTS), String(Number(digits) + random.integer(-1, 1))]);
    return spliced(bytes, index, digits.length, textBytes(other));
  },
];

/** A value of JSON in which something, however deep, is another, missing, or there twice. */
export function mutatedJson(random: Random, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || random.uniform() < 0.02) return random.pick(VALUES);
  const keys = Object.keys(value);
  if (keys.length === 0) return random.pick(VALUES);
  const key = random.pick(keys);
  const copy = (Array.isArray(value) ? [...value] : { ...value }) as Record<string, unknown>;
  const kind = random.uniform();
  if (kind < 0.9) copy[key] = mutatedJson(random, copy[key]);
  else if (Array.isArray(copy)) copy.splice(Number(key), random.integer(0, 1), copy[random.pick(keys)]);
  else if (kind < 0.95) delete copy[key];
  else copy[random.pick(['x', 'name', '__proto__', 'toString', `${key}.x`])] = copy[key];
  return copy;
}

/** The bytes of a safetensors file whose header, still JSON, has been changed in `mutatedJson`'s ways; the data stay. */
export function mutatedHeader(random: Random, bytes: Uint8Array): Uint8Array {
  const length = Number(Buffer.from(bytes).readBigUInt64LE());
  const header: unknown = JSON.parse(Buffer.from(bytes.subarray(8, 8 + length)).toString());
  const text = textBytes(JSON.stringify(withMetadata(random, header)) ?? 'null');
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([prefix, text, bytes.subarray(8 + length)]);
}

/** Texts of the metadata are often JSON themselves: every other time one of them is changed inside. */
function withMetadata(random: Random, header: unknown): unknown {
  const { __metadata__: metadata } = header as { __metadata__?: Record<string, string> };
  const inner = Object.entries(metadata ?? {}).filter(([, text]) => /^[[{]/.test(text));
  if (inner.length === 0 || random.uniform() < 0.5) return mutatedJson(random, header);
  const [key, text] = random.pick(inner);
  const changed = JSON.stringify(mutatedJson(random, JSON.parse(text))) ?? 'null';
  return { ...(header as object), __metadata__: { ...metadata, [key]: changed } };
}

/** What describes a file stands at its start or, in a zip, at its end. */
function placeIn(random: Random, { length }: Uint8Array): number {
  const where = random.uniform();
  if (where < 0.5) return random.integer(0, Math.min(length, 1024));
  if (where < 0.75) return Math.max(0, length - random.integer(0, 512));
  return random.integer(0, length);
}

function lengthIn(random: Random, { length }: Uint8Array): number {
  return random.integer(1, Math.max(1, Math.min(length, random.pick([1, 8, 64, 4096]))));
}

function replaced(bytes: Uint8Array, place: number, change: (byte: number) => number[]): Uint8Array {
  return spliced(bytes, place, 1, Uint8Array.from(change(bytes[place] ?? 0)));
}

function spliced(bytes: Uint8Array, place: number, removed: number, added: Uint8Array): Uint8Array {
  return Buffer.concat([bytes.subarray(0, place), added, bytes.subarray(place + removed)]);
}

function textBytes(text: string): Uint8Array {
  return Buffer.from(text);
}
