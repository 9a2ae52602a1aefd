/** A DiT in any of its layouts, seen under Meta's names. */
import { ArgumentError, FormatError, requireNumber } from '../../errors.js';
import { equalBytes } from '../../weights/binary.js';
import { CanonicalSource, type TensorOrigin } from '../../weights/canonicalSource.js';
import { FLOAT8_SCALES, scaleOf } from '../../weights/float8Scales.js';
import { readJsonObject } from '../../weights/jsonFile.js';
import type { TensorSource } from '../../weights/tensorSource.js';
import { foreignModel, foreignTransformer } from '../foreignModels.js';
import type { Network } from '../network.js';
import { positionTable } from '../positionTable.js';
import { type DiTConfig, tensorShapes } from './config.js';
import { diffusersConfig, diffusersEmbedders, diffusersOrigins } from './diffusers.js';
import { type ConfigHints, checkTensors, inferConfig } from './inferConfig.js';
import { ditNetwork } from './network.js';
import { positionsOf } from './positions.js';

export type DitLayout = 'meta' | 'diffusers';

/** Where else the configuration of a model may stand. */
export interface ConfigFile {
  /** Path of its `config.json`, where there is one. */
  readonly config: string | undefined;
}

export interface OpenedDit {
  readonly layout: DitLayout;
  readonly network: Network;
  readonly tensors: CanonicalSource;
  /** What a person should know about the file, a sentence each. */
  readonly notes: readonly string[];
}

export interface DitHints extends ConfigHints {
  readonly weightsKey?: string;
}

/** The tensor by which a layout is known. */
const ANCHORS: Readonly<Record<DitLayout, string>> = {
  meta: 'x_embedder.proj.weight',
  diffusers: 'pos_embed.proj.weight',
};

/**
 * Throws a `FormatError` for tensors that are no DiT's or are missing, misshapen or strange, and for a configuration that
 * does not fit them.
 */
export function openDit(source: TensorSource, files: ConfigFile, hints: DitHints): OpenedDit {
  const { layout, prefix } = findLayout(source.names, hints.weightsKey);
  refuseForeign(source.names, prefix, ANCHORS[layout]);
  const opened =
    layout === 'meta' ? openMeta(source, prefix, hints) : openDiffusers(source, prefix, files, hints);
  const { frequencyShift } = hints;
  if (frequencyShift !== undefined) requireNumber('frequencyShift', frequencyShift, 0, 1);
  return {
    layout,
    tensors: opened.tensors,
    network: ditNetwork({ ...opened.config, ...(frequencyShift !== undefined && { frequencyShift }) }),
    notes: [...source.notes, ...strangers(source, prefix, opened)],
  };
}

/** A `FormatError` that says what the weights are, where they are known to be no DiT's. */
function refuseForeign(names: readonly string[], prefix: string, anchor: string): void {
  const own = names.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
  const kind = foreignTransformer(own) ?? (own.includes(anchor) ? undefined : foreignModel(names));
  if (kind) throw new FormatError(`the weights are those of ${kind}; expected a DiT`);
}

interface Opened {
  readonly config: DiTConfig;
  readonly tensors: CanonicalSource;
  readonly alsoUsed?: readonly string[];
}

/** Whether a DiT in some layout is among tensors of these names. */
export function hasDit(names: readonly string[]): boolean {
  return names.some((name) => Object.values(ANCHORS).some((anchor) => isAnchor(name, anchor)));
}

function isAnchor(name: string, anchor: string): boolean {
  return name === anchor || name.endsWith(`.${anchor}`);
}

/** Training code puts names of its own before those of the model: `module.`, `_orig_mod.`, `model.`, `ema.`. */
function findLayout(
  names: readonly string[],
  key: string | undefined,
): { layout: DitLayout; prefix: string } {
  const found = (Object.entries(ANCHORS) as [DitLayout, string][]).flatMap(([layout, anchor]) =>
    names
      .filter((name) => isAnchor(name, anchor))
      .map((name) => ({ layout, prefix: name.slice(0, name.length - anchor.length) })),
  );
  const keyed = found.filter(({ prefix }) => key !== undefined && prefix.startsWith(`${key}.`));
  const averaged = found.filter(({ prefix }) => /(^|[._])ema([._]|$)/.test(prefix));
  const plain = found.filter(({ prefix }) => prefix === '');
  for (const choice of [keyed, averaged, plain, found]) if (choice.length === 1) return choice[0]!;
  if (found.length === 0) return { layout: 'meta', prefix: '' };
  throw new ArgumentError(
    'weightsKey',
    key,
    `one of ${found.map(({ prefix }) => prefix.slice(0, -1) || "''").join(', ')}, which all begin a model`,
  );
}

function openMeta(source: TensorSource, prefix: string, hints: DitHints): Opened {
  const tensors = new Map(
    source.names
      .filter((name) => name.startsWith(prefix))
      .map((name) => [name.slice(prefix.length), source.entry(name)]),
  );
  const config = inferConfig(tensors, source.metadata, hints);
  const origins = [...tensorShapes(config).keys()].map(
    (name) => [name, originOf(source, [prefix + name])] as const,
  );
  return {
    config,
    tensors: new CanonicalSource(source, new Map(origins), new Map(), (name) => positionsOf(config, name)),
  };
}

function openDiffusers(source: TensorSource, prefix: string, files: ConfigFile, hints: DitHints): Opened {
  if (files.config === undefined)
    throw new FormatError(
      'the weights have the names of diffusers, whose sizes stand in config.json; it is not beside them',
    );
  const config = diffusersConfig(files.config, readJsonObject(files.config));
  const { inputSize, patchSize, hiddenSize, heads, positionScale = 1 } = config;
  if (hints.heads !== undefined && hints.heads !== heads)
    throw new ArgumentError('heads', hints.heads, `${heads}, as ${files.config} has it`);
  const embedders = Array.from({ length: config.depth }, (_, block) =>
    diffusersEmbedders(block).map((name) => prefix + name),
  );
  const full: DiTConfig = areEqual(source, embedders) ? config : { ...config, blockEmbedders: true };
  const origins = [...diffusersOrigins(full)].map(
    ([name, parts]) =>
      [
        name,
        originOf(
          source,
          parts.map((part) => prefix + part),
        ),
      ] as const,
  );
  const side = inputSize / patchSize;
  const scale = { height: positionScale, width: positionScale };
  const position = {
    shape: [1, side ** 2, hiddenSize],
    values: () => positionTable({ height: side, width: side }, hiddenSize, scale),
  };
  const tensors = new CanonicalSource(source, new Map(origins), new Map([['pos_embed', position]]), (name) =>
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

function originOf(source: TensorSource, parts: readonly string[]): TensorOrigin {
  const scales = parts.map((part) => scaleOf(source, part));
  return scales.some((scale) => scale !== undefined) ? { parts, scales } : { parts };
}

/** Names that begin the tensors of a DiT in either layout: another one among them changes what the model computes. */
const OWN =
  /^(?:(?:blocks|transformer_blocks)\.|[xyt]_embedder\.|final_layer\.|pos_embed|proj_out|norm_out|adaln)/;

/** What is there beside the model: a sentence, or a `FormatError` where it cannot be left out. */
function strangers(source: TensorSource, prefix: string, { tensors, alsoUsed = [] }: Opened): string[] {
  const used = new Set(alsoUsed);
  for (const { parts, scales = [] } of tensors.origins.values())
    for (const name of [...parts, ...scales]) if (name !== undefined) used.add(name);
  const others = source.names.filter((name) => !used.has(name) && !FLOAT8_SCALES.test(name));
  for (const name of others)
    if (name.startsWith(prefix) && OWN.test(name.slice(prefix.length)))
      throw new FormatError(`tensor '${name}' does not belong to this DiT`);
  if (others.length === 0) return [];
  const named = others.slice(0, 3).join(', ');
  const count = others.length === 1 ? 'a tensor' : `${others.length} tensors`;
  return [
    `${source.path}: left out ${count} that no layer uses: ${named}${others.length > 3 ? ', ...' : ''}`,
  ];
}
