/**
 * The file form of factors: safetensors with `<layer>.up` [Co, r] and `<layer>.down` [r, Ci], and the rest in the
 * metadata. Tensors are float32, or bfloat16 where that holds their numbers exactly. Nothing in a file is believed.
 */
import { FormatError, IncacheError } from '../../errors.js';
import { narrowFloat32, roundToBfloat16 } from '../../weights/narrow.js';
import { SafetensorsFile, type TensorToWrite, writeSafetensors } from '../../weights/safetensors.js';
import { requireFiniteValues } from './checks.js';
import { FACTOR_METHODS, type FactorMethod } from './factorMethods.js';
import type { FactorSetInfo, LayerFactors } from './factorSet.js';

const FORMAT = 'incache-factors';
const VERSION = '1';

export interface FactorFile {
  readonly info: FactorSetInfo;
  readonly layers: ReadonlyMap<string, LayerFactors>;
}

export function writeFactorFile(
  path: string,
  info: FactorSetInfo,
  layers: ReadonlyMap<string, LayerFactors>,
): void {
  writeSafetensors(path, factorTensors(layers), {
    format: FORMAT,
    version: VERSION,
    method: info.method,
    modelHash: info.modelHash,
    ...(info.model !== undefined && { model: info.model }),
    source: info.source,
    seed: String(info.seed),
    images: String(info.images),
    sampler: info.sampler,
    steps: String(info.steps),
    createdBy: info.createdBy,
    ranks: JSON.stringify(ranksOf(layers)),
  });
}

/** The tensors of all layers, their names behind a prefix. */
export function factorTensors(layers: ReadonlyMap<string, LayerFactors>, prefix = ''): TensorToWrite[] {
  return [...layers].flatMap(([name, { up, down, rank, rows, columns }]) => [
    tensorOf(`${prefix}${name}.up`, [rows, rank], up),
    tensorOf(`${prefix}${name}.down`, [rank, columns], down),
  ]);
}

function tensorOf(name: string, shape: readonly number[], values: Float32Array): TensorToWrite {
  const rounded = roundToBfloat16(values);
  const isExact = values.length > 0 && values.every((value, i) => value === rounded[i]);
  const dtype = isExact ? 'BF16' : 'F32';
  return { name, dtype, shape, data: narrowFloat32(name, dtype, values) };
}

/** @throws FormatError naming the path and what is wrong; IncacheError when the file cannot be read. */
export function readFactorFile(path: string): FactorFile {
  using file = SafetensorsFile.open(path);
  const info = readInfo(file);
  const layers = new Map<string, LayerFactors>();
  for (const name of layerNames(file)) layers.set(name, readLayer(file, name));
  requireRanks(file, layers);
  return { info, layers };
}

function readInfo(file: SafetensorsFile): FactorSetInfo {
  const format = file.metadata.format;
  if (format !== FORMAT)
    throw new FormatError(
      `${file.path} is not a file of factors: its format is ${format ?? 'missing'}; expected ${FORMAT}`,
    );
  const version = requireText(file, 'version');
  if (version !== VERSION)
    throw new FormatError(`${file.path} is of version ${version}; this incache reads version ${VERSION}`);
  return {
    method: requireMethod(file),
    modelHash: requireText(file, 'modelHash'),
    ...(file.metadata.model !== undefined && { model: file.metadata.model }),
    source: requireText(file, 'source'),
    seed: requireCount(file, 'seed'),
    images: requireCount(file, 'images'),
    sampler: requireText(file, 'sampler'),
    steps: requireCount(file, 'steps'),
    createdBy: requireText(file, 'createdBy'),
  };
}

function requireText(file: SafetensorsFile, key: string): string {
  const text = file.metadata[key];
  if (text === undefined) throw new FormatError(`${file.path} has no '${key}' in its metadata`);
  return text;
}

function requireCount(file: SafetensorsFile, key: string): number {
  const text = requireText(file, key);
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value))
    throw new FormatError(
      `${file.path} has ${key} '${text}' in its metadata; expected an integer of at least 0`,
    );
  return value;
}

function requireMethod(file: SafetensorsFile): FactorMethod {
  const text = requireText(file, 'method');
  const method = FACTOR_METHODS.find((known) => known === text);
  if (!method)
    throw new FormatError(
      `${file.path} has method '${text}' in its metadata; expected one of ${FACTOR_METHODS.join(', ')}`,
    );
  return method;
}

/** In the order of the file. */
function layerNames(file: SafetensorsFile): Set<string> {
  const names = new Set<string>();
  for (const tensor of file.tensors.keys()) {
    const layer = /^(.+)\.(?:up|down)$/.exec(tensor)?.[1];
    if (layer === undefined)
      throw new FormatError(
        `${file.path} has a tensor '${tensor}'; expected only <layer>.up and <layer>.down`,
      );
    names.add(layer);
  }
  return names;
}

function readLayer(file: SafetensorsFile, name: string): LayerFactors {
  const [rows, rank] = matrixShape(file, `${name}.up`);
  const [downRank, columns] = matrixShape(file, `${name}.down`);
  if (rank !== downRank)
    throw new FormatError(
      `${file.path}: '${name}.up' has rank ${rank}, but '${name}.down' has rank ${downRank}`,
    );
  if (rank > Math.min(rows, columns))
    throw new FormatError(`${file.path}: the rank of '${name}' is ${rank}, above ${rows} x ${columns}`);
  return { rank, rows, columns, up: readFinite(file, `${name}.up`), down: readFinite(file, `${name}.down`) };
}

function matrixShape(file: SafetensorsFile, name: string): readonly [number, number] {
  const { dtype, shape } = file.entry(name);
  const [rows, columns] = shape;
  if (
    (dtype !== 'F32' && dtype !== 'BF16') ||
    shape.length !== 2 ||
    rows === undefined ||
    columns === undefined
  )
    throw new FormatError(
      `${file.path}: '${name}' is ${dtype} of shape [${shape}]; expected an F32 or BF16 matrix`,
    );
  return [rows, columns];
}

function readFinite(file: SafetensorsFile, name: string): Float32Array {
  const values = file.read(name);
  try {
    requireFiniteValues(`'${name}'`, values);
  } catch (error) {
    if (error instanceof IncacheError) throw new FormatError(`${file.path}: ${error.message}`);
    throw error;
  }
  return values;
}

/** A file whose tensors were exchanged or lost no longer agrees with its list of ranks. */
function requireRanks(file: SafetensorsFile, layers: ReadonlyMap<string, LayerFactors>): void {
  const listed = parseRanks(file);
  for (const [name, { rank }] of layers) {
    if (listed[name] !== rank)
      throw new FormatError(
        `${file.path} lists rank ${JSON.stringify(listed[name]) ?? 'none'} for '${name}', but its factors have rank ${rank}`,
      );
  }
  const lost = Object.keys(listed).find((name) => !layers.has(name));
  if (lost !== undefined) throw new FormatError(`${file.path} lists '${lost}', but has no factors for it`);
}

function parseRanks(file: SafetensorsFile): Record<string, unknown> {
  const text = requireText(file, 'ranks');
  let ranks: unknown;
  try {
    ranks = JSON.parse(text);
  } catch {
    ranks = undefined;
  }
  if (typeof ranks !== 'object' || ranks === null || Array.isArray(ranks))
    throw new FormatError(`${file.path} has ranks '${text}' in its metadata; expected a JSON object`);
  return ranks as Record<string, unknown>;
}

function ranksOf(layers: ReadonlyMap<string, LayerFactors>): Record<string, number> {
  return Object.fromEntries([...layers].map(([name, { rank }]) => [name, rank]));
}
