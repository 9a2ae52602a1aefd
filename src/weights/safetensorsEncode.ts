/** The header of a safetensors file to be written. */
import { ArgumentError, requireInteger, requireOneOf } from '../errors.js';
import { utf8, viewOf } from './binary.js';
import { DTYPES, type Dtype, tensorBytes } from './dtypes.js';
import { METADATA_KEY, PREFIX_BYTES } from './safetensorsHeader.js';

/** The ASCII space. */
const SPACE = 0x20;

export interface TensorShape {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
}

/**
 * The length and the JSON of the header, padded with spaces to a multiple of eight bytes as the format's own
 * implementation does. Tensors lie in the order given. Throws an `ArgumentError` for what could not be read back.
 */
export function encodeHeader(
  tensors: readonly TensorShape[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  requireTexts(metadata);
  const entries = new Map<string, unknown>([[METADATA_KEY, metadata]]);
  let offset = 0;
  for (const { name, dtype, shape } of tensors) {
    if (entries.has(name))
      throw new ArgumentError('name of a tensor', name, `one that no other has, nor ${METADATA_KEY}`);
    const end = offset + requireBytes(name, dtype, shape);
    entries.set(name, { dtype, shape, data_offsets: [offset, end] });
    offset = end;
  }
  const json = utf8(JSON.stringify(Object.fromEntries(entries)));
  const length = Math.ceil(json.length / 8) * 8;
  const header = new Uint8Array(PREFIX_BYTES + length).fill(SPACE);
  viewOf(header).setBigUint64(0, BigInt(length), true);
  header.set(json, PREFIX_BYTES);
  return header;
}

function requireTexts(metadata: Readonly<Record<string, string>>): void {
  for (const [key, text] of Object.entries(metadata))
    if (typeof text !== 'string') throw new ArgumentError(`metadata '${key}'`, text, 'a text');
}

function requireBytes(name: string, dtype: Dtype, shape: readonly number[]): number {
  requireOneOf(`dtype of tensor '${name}'`, dtype, DTYPES);
  for (const size of shape) requireInteger(`size of tensor '${name}'`, size, 0);
  const bytes = tensorBytes(dtype, shape);
  if (bytes === Number.POSITIVE_INFINITY)
    throw new ArgumentError(`shape of tensor '${name}'`, shape, 'at most 2^53 bytes');
  return bytes;
}
