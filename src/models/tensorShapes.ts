/** What the tensors of a checkpoint say of a network by their names, shapes and metadata. */
import { FormatError } from '../errors.js';

export interface TensorHeader {
  readonly shape: readonly number[];
}

export type TensorHeaders = ReadonlyMap<string, TensorHeader>;

/** How many blocks have tensors that match. Counted, so that a lost tensor of the last one is named and not what follows it. */
export function countBlocks(tensors: TensorHeaders, pattern: RegExp): number {
  const blocks = new Set<string>();
  for (const name of tensors.keys()) {
    const [, block] = pattern.exec(name) ?? [];
    if (block !== undefined) blocks.add(block);
  }
  return blocks.size;
}

/** Throws a `FormatError` where the tensor is missing (`kind`: what is expected, as `DiT`) or has other dimensions. */
export function shapeOf(
  tensors: TensorHeaders,
  name: string,
  dimensions: number,
  kind: string,
): readonly number[] {
  const tensor = tensors.get(name);
  if (!tensor) throw new FormatError(`not a ${kind} checkpoint: tensor '${name}' is missing`);
  if (tensor.shape.length !== dimensions || tensor.shape.some((size) => size < 1))
    throw new FormatError(
      `tensor '${name}' has shape [${tensor.shape}]; expected ${dimensions} positive dimensions`,
    );
  return tensor.shape;
}

/** Throws a `FormatError` that names the first tensor which is missing or misshapen. */
export function checkTensors(tensors: TensorHeaders, expected: ReadonlyMap<string, readonly number[]>): void {
  for (const [name, shape] of expected) {
    const tensor = tensors.get(name);
    if (!tensor) throw new FormatError(`tensor '${name}' is missing; expected shape [${shape}]`);
    if (tensor.shape.join() !== shape.join())
      throw new FormatError(`tensor '${name}' has shape [${tensor.shape}]; expected [${shape}]`);
  }
}

/** The JSON object `config` of a file's metadata, by which our own files say what shapes leave open; empty where there is none. */
export function metadataConfig(
  metadata: Readonly<Record<string, string>>,
): Readonly<Record<string, unknown>> {
  if (metadata.config === undefined) return {};
  try {
    const parsed: unknown = JSON.parse(metadata.config);
    if (typeof parsed === 'object' && parsed !== null) return parsed as Record<string, unknown>;
  } catch {
    // Falls through to the one message for everything that is not an object.
  }
  throw new FormatError(`the metadata's 'config' is not a JSON object`);
}

/** Throws a `FormatError` where the metadata say something else of `fields` than these; they need not name them. */
export function checkMetadata(
  said: Readonly<Record<string, unknown>>,
  fields: Readonly<Record<string, unknown>>,
): void {
  for (const [field, value] of Object.entries(fields))
    if (said[field] !== undefined && said[field] !== value)
      throw new FormatError(
        `the metadata says ${field} ${JSON.stringify(said[field])}, the shapes say ${value}`,
      );
}
