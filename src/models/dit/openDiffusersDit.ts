/** A DiT with the names of diffusers, seen under Meta's. */
import { equalBytes } from '../../weights/binary.js';
import { CanonicalSource } from '../../weights/canonicalSource.js';
import { readJsonObject } from '../../weights/jsonFile.js';
import type { TensorSource } from '../../weights/tensorSource.js';
import { positionTable } from '../positionTable.js';
import { originsOf } from '../tensorNames.js';
import { checkTensors } from '../tensorShapes.js';
import { type ConfigFile, requireConfig, requireHeads } from '../transformer/diffusers.js';
import { positionsOf } from '../transformer/positions.js';
import { type DiTConfig, tensorShapes } from './config.js';
import { diffusersConfig, diffusersEmbedders, diffusersOrigins } from './diffusers.js';
import type { ConfigHints } from './inferConfig.js';

export interface OpenedDit {
  readonly config: DiTConfig;
  readonly tensors: CanonicalSource;
  /** Names in the files, beside those of `tensors`. */
  readonly alsoUsed?: readonly string[];
}

/** Opens the tensors behind `prefix`. Throws a `FormatError` for a configuration that is none or does not fit them. */
export function openDiffusersDit(
  source: TensorSource,
  prefix: string,
  files: ConfigFile,
  hints: ConfigHints,
): OpenedDit {
  const path = requireConfig(files);
  const config = diffusersConfig(path, readJsonObject(path));
  const { inputSize, patchSize, hiddenSize, positionScale = 1 } = config;
  requireHeads(hints.heads, config, path);
  const embedders = Array.from({ length: config.depth }, (_, block) =>
    diffusersEmbedders(block).map((name) => prefix + name),
  );
  const full: DiTConfig = areEqual(source, embedders) ? config : { ...config, blockEmbedders: true };
  const origins = originsOf(source, prefix, diffusersOrigins(full));
  const side = inputSize / patchSize;
  const scale = { height: positionScale, width: positionScale };
  const position = {
    shape: [1, side ** 2, hiddenSize],
    values: () => positionTable({ height: side, width: side }, hiddenSize, scale),
  };
  const tensors = new CanonicalSource(source, origins, new Map([['pos_embed', position]]), (name) =>
    positionsOf(full, name),
  );
  checkTensors(new Map(tensors.names.map((name) => [name, tensors.entry(name)])), tensorShapes(full));
  return { config: full, tensors, alsoUsed: [...embedders.flat(), `${prefix}pos_embed.pos_embed`] };
}

/** Whether the embedders of all blocks are those of the first, byte for byte. */
function areEqual(source: TensorSource, embedders: readonly (readonly string[])[]): boolean {
  const [first, ...others] = embedders as [readonly string[], ...(readonly string[])[]];
  return first.every((name, i) => {
    const expected = source.bytes(name);
    return others.every((names) => equalBytes(source.bytes(names[i]!), expected));
  });
}
