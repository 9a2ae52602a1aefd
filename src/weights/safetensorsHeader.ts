/** Parses and checks the header of a safetensors file; nothing in it is believed. */
import { FormatError } from '../errors.js';
import { printable } from '../printable.js';
import { DTYPES, type Dtype, isDtype, tensorBytes } from './dtypes.js';
import { outlineJson } from './jsonOutline.js';

export interface TensorEntry {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** Place of the first byte in the file. */
  readonly byteOffset: number;
  readonly byteLength: number;
}

export interface SafetensorsHeader {
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: ReadonlyMap<string, TensorEntry>;
}

/** The length of the header stands in the first eight bytes. */
export const PREFIX_BYTES = 8;

/** As in the format's own implementation. */
export const MAX_HEADER_BYTES = 100_000_000;

/** The key that is no tensor: texts about the file. */
export const METADATA_KEY = '__metadata__';

/** A valid header is three deep. Far deeper ones take the JSON parser gigabytes and half a minute. */
const MAX_DEPTH = 16;

/**
 * text: the header's JSON. dataStart: where tensor data begins in the file. dataBytes: how much there is.
 * Throws a `FormatError` that starts with `path` and names the tensor to blame.
 */
export function parseHeader(
  path: string,
  text: string,
  dataStart: number,
  dataBytes: number,
): SafetensorsHeader {
  const fail = (problem: string): never => {
    throw new FormatError(`${path} is not a valid safetensors file: ${printable(problem)}`);
  };
  const header = parseObject(text, fail);
  const tensors = new Map<string, TensorEntry>();
  let metadata: Record<string, string> = {};
  for (const [name, value] of Object.entries(header)) {
    if (name === METADATA_KEY) metadata = parseMetadata(value, fail);
    else tensors.set(name, parseEntry(name, value, dataStart, dataBytes, fail));
  }
  checkCoverage(tensors, dataStart, dataBytes, fail);
  return { metadata, tensors };
}

type Fail = (problem: string) => never;

function parseObject(text: string, fail: Fail): Record<string, unknown> {
  const { tooDeep, keys } = outlineJson(text, MAX_DEPTH);
  if (tooDeep) return fail(`the header is nested more than ${MAX_DEPTH} deep`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return fail('the header is not JSON');
  }
  if (!isObject(value)) return fail('the header is not a JSON object');
  requireDistinct(keys, fail);
  return value;
}

/** The JSON parser keeps the last of several entries of one name. */
function requireDistinct(keys: readonly string[], fail: Fail): void {
  const seen = new Set<string>();
  for (const key of keys) {
    const name: string = JSON.parse(key);
    if (seen.has(name)) fail(`it has two entries of the name '${name}'`);
    seen.add(name);
  }
}

/** As the format's own implementation, which takes null for none. */
function parseMetadata(value: unknown, fail: Fail): Record<string, string> {
  if (value === null) return {};
  if (!isObject(value)) return fail('__metadata__ is not an object');
  for (const [key, text] of Object.entries(value))
    if (typeof text !== 'string') fail(`__metadata__ '${key}' is not a string`);
  return value as Record<string, string>;
}

function parseEntry(
  name: string,
  value: unknown,
  dataStart: number,
  dataBytes: number,
  fail: Fail,
): TensorEntry {
  const blame: Fail = (problem) => fail(`tensor '${name}' ${problem}`);
  if (!isObject(value)) return blame('is not an object');
  const { dtype, shape, data_offsets: offsets } = value;
  if (!isDtype(dtype))
    return blame(`has dtype ${JSON.stringify(dtype)}; expected one of ${DTYPES.join(', ')}`);
  if (!Array.isArray(shape) || !shape.every(isSize))
    return blame(`has shape ${JSON.stringify(shape)}; expected a list of sizes`);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize))
    return blame(`has data_offsets ${JSON.stringify(offsets)}; expected two places in the file`);
  const [begin, end] = offsets as [number, number];
  if (begin > end || end > dataBytes)
    blame(`has data_offsets [${begin}, ${end}], outside the ${dataBytes} bytes of data`);
  const bytes = tensorBytes(dtype, shape);
  if (bytes === Number.POSITIVE_INFINITY) blame(`of shape [${shape}] has more than 2^53 bytes`);
  if (bytes !== end - begin)
    blame(`of shape [${shape}] needs ${bytes} bytes, but its data_offsets span ${end - begin}`);
  return { dtype, shape, byteOffset: dataStart + begin, byteLength: bytes };
}

/** The tensors must fill the data without overlaps and holes. */
function checkCoverage(
  tensors: ReadonlyMap<string, TensorEntry>,
  dataStart: number,
  dataBytes: number,
  fail: Fail,
): void {
  const ordered = [...tensors].sort(
    ([, a], [, b]) => a.byteOffset - b.byteOffset || a.byteLength - b.byteLength,
  );
  let place = dataStart;
  for (const [name, { byteOffset, byteLength }] of ordered) {
    if (byteOffset < place) fail(`tensor '${name}' overlaps the one before it`);
    if (byteOffset > place) fail(`${byteOffset - place} bytes before tensor '${name}' belong to no tensor`);
    place += byteLength;
  }
  const rest = dataStart + dataBytes - place;
  if (rest > 0) fail(`the last ${rest} bytes belong to no tensor`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isSize(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && !Object.is(value, -0);
}
