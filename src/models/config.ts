/** What a DiT is, and how to tell it from the tensors of a checkpoint. */
import { ArgumentError, FormatError, requireInteger } from '../errors.js';

export interface DiTConfig {
  /** Height and width of the latent image, in pixels. */
  readonly inputSize: number;
  readonly patchSize: number;
  readonly inChannels: number;
  readonly hiddenSize: number;
  readonly depth: number;
  readonly heads: number;
  /** Width of the MLP's hidden layer (mlp ratio times hidden size). */
  readonly mlpSize: number;
  /** Number of classes; the label table has one more row, the null class of classifier-free guidance. */
  readonly classes: number;
  /** Whether the network also predicts the variance interpolation (2 x inChannels outputs). */
  readonly learnSigma: boolean;
}

/** Width of the sinusoidal timestep embedding. */
export const FREQUENCY_SIZE = 256;

/** Tokens of one image. */
export function tokensOf(config: DiTConfig): number {
  return (config.inputSize / config.patchSize) ** 2;
}

export function outChannels(config: DiTConfig): number {
  return config.learnSigma ? 2 * config.inChannels : config.inChannels;
}

/** The sizes of the DiT paper (Peebles and Xie, table 1). */
const SIZES = {
  S: { depth: 12, hiddenSize: 384, heads: 6 },
  B: { depth: 12, hiddenSize: 768, heads: 12 },
  L: { depth: 24, hiddenSize: 1024, heads: 16 },
  XL: { depth: 28, hiddenSize: 1152, heads: 16 },
} as const;

/**
 * The configuration of a named size, as `DiT-XL/2`: sizes S, B, L, XL with patch 2, 4, 8, for ImageNet
 * latents (4 channels of `inputSize` x `inputSize`, 1000 classes, learned sigma, mlp ratio 4).
 */
export function namedConfig(name: string, inputSize = 32): DiTConfig {
  const [, size, patch] = /^DiT-(S|B|L|XL)\/([248])$/.exec(name) ?? [];
  if (size === undefined)
    throw new ArgumentError('model size', name, 'DiT-{S, B, L, XL}/{2, 4, 8}, as in DiT-XL/2');
  const { hiddenSize, ...rest } = SIZES[size as keyof typeof SIZES];
  return {
    inputSize,
    patchSize: Number(patch),
    inChannels: 4,
    hiddenSize,
    ...rest,
    mlpSize: 4 * hiddenSize,
    classes: 1000,
    learnSigma: true,
  };
}

/** The shape of every tensor of a checkpoint with the official key names. */
export function tensorShapes(config: DiTConfig): Map<string, readonly number[]> {
  const { hiddenSize: c, mlpSize, patchSize: p, inChannels } = config;
  const shapes = new Map<string, readonly number[]>();
  const linear = (name: string, rows: number, columns: number) => {
    shapes.set(`${name}.weight`, [rows, columns]);
    shapes.set(`${name}.bias`, [rows]);
  };
  shapes.set('pos_embed', [1, tokensOf(config), c]);
  shapes.set('x_embedder.proj.weight', [c, inChannels, p, p]);
  shapes.set('x_embedder.proj.bias', [c]);
  linear('t_embedder.mlp.0', c, FREQUENCY_SIZE);
  linear('t_embedder.mlp.2', c, c);
  shapes.set('y_embedder.embedding_table.weight', [config.classes + 1, c]);
  for (let block = 0; block < config.depth; block++) {
    linear(`blocks.${block}.attn.qkv`, 3 * c, c);
    linear(`blocks.${block}.attn.proj`, c, c);
    linear(`blocks.${block}.mlp.fc1`, mlpSize, c);
    linear(`blocks.${block}.mlp.fc2`, c, mlpSize);
    linear(`blocks.${block}.adaLN_modulation.1`, 6 * c, c);
  }
  linear('final_layer.linear', p * p * outChannels(config), c);
  linear('final_layer.adaLN_modulation.1', 2 * c, c);
  return shapes;
}

export interface TensorHeader {
  readonly shape: readonly number[];
}

/** What the shapes of a checkpoint leave open, or what its metadata may say. */
export interface ConfigHints {
  readonly heads?: number;
}

/**
 * The configuration that the shapes of a checkpoint determine. The number of heads is in no shape: it is
 * taken from `hints`, else from the metadata's `config` (JSON, `num_heads`), else from the named size of
 * the same width and depth.
 *
 * Throws a `FormatError` that names the first tensor that is missing, extra or misshapen.
 */
export function inferConfig(
  tensors: ReadonlyMap<string, TensorHeader>,
  metadata: Readonly<Record<string, string>>,
  hints: ConfigHints = {},
): DiTConfig {
  const [hiddenSize, inChannels, patchSize] = shapeOf(tensors, 'x_embedder.proj.weight', 4);
  const [, tokens] = shapeOf(tensors, 'pos_embed', 3);
  const [tableRows] = shapeOf(tensors, 'y_embedder.embedding_table.weight', 2);
  const [mlpSize] = shapeOf(tensors, 'blocks.0.mlp.fc1.weight', 2);
  const [outputs] = shapeOf(tensors, 'final_layer.linear.weight', 2);
  const depth = depthOf(tensors);
  const side = Math.sqrt(tokens!);
  if (!Number.isInteger(side))
    throw new FormatError(`pos_embed has ${tokens} tokens; expected a square number`);
  const config: DiTConfig = {
    inputSize: side * patchSize!,
    patchSize: patchSize!,
    inChannels: inChannels!,
    hiddenSize: hiddenSize!,
    depth,
    heads: headsOf(hiddenSize!, depth, metadata, hints),
    mlpSize: mlpSize!,
    classes: tableRows! - 1,
    learnSigma: outputs === 2 * inChannels! * patchSize! ** 2,
  };
  requireInteger('classes', config.classes, 1);
  checkTensors(tensors, tensorShapes(config));
  checkMetadata(config, metadata);
  return config;
}

/** Counts blocks instead of looking for the last one, so that a lost tensor is named and not what follows it. */
function depthOf(tensors: ReadonlyMap<string, TensorHeader>): number {
  const blocks = new Set<string>();
  for (const name of tensors.keys()) {
    const [, block] = /^blocks\.(\d+)\.(?:attn|mlp|adaLN_modulation)\./.exec(name) ?? [];
    if (block !== undefined) blocks.add(block);
  }
  return blocks.size;
}

function shapeOf(
  tensors: ReadonlyMap<string, TensorHeader>,
  name: string,
  dimensions: number,
): readonly number[] {
  const tensor = tensors.get(name);
  if (!tensor) throw new FormatError(`not a DiT checkpoint: tensor '${name}' is missing`);
  if (tensor.shape.length !== dimensions || tensor.shape.some((size) => size < 1))
    throw new FormatError(
      `tensor '${name}' has shape [${tensor.shape}]; expected ${dimensions} positive dimensions`,
    );
  return tensor.shape;
}

function headsOf(
  hiddenSize: number,
  depth: number,
  metadata: Readonly<Record<string, string>>,
  hints: ConfigHints,
): number {
  const named = Object.values(SIZES).find((size) => size.hiddenSize === hiddenSize && size.depth === depth);
  const heads = hints.heads ?? metadataConfig(metadata).num_heads ?? named?.heads;
  if (heads === undefined)
    throw new ArgumentError(
      'heads',
      heads,
      `the number of attention heads: no shape tells it, the metadata has no num_heads and ${depth} blocks of ${hiddenSize} are no named size`,
    );
  requireInteger('heads', heads, 1);
  if (hiddenSize % heads !== 0)
    throw new ArgumentError('heads', heads, `a divisor of the hidden size ${hiddenSize}`);
  return heads;
}

function checkTensors(
  tensors: ReadonlyMap<string, TensorHeader>,
  expected: ReadonlyMap<string, readonly number[]>,
): void {
  for (const [name, shape] of expected) {
    const tensor = tensors.get(name);
    if (!tensor) throw new FormatError(`tensor '${name}' is missing; expected shape [${shape}]`);
    if (tensor.shape.join() !== shape.join())
      throw new FormatError(`tensor '${name}' has shape [${tensor.shape}]; expected [${shape}]`);
  }
  for (const name of tensors.keys())
    if (!expected.has(name)) throw new FormatError(`tensor '${name}' does not belong to this DiT`);
}

/** The metadata may repeat what the shapes say, but not contradict it. */
function checkMetadata(config: DiTConfig, metadata: Readonly<Record<string, string>>): void {
  const fields = {
    input_size: config.inputSize,
    patch_size: config.patchSize,
    in_channels: config.inChannels,
    hidden_size: config.hiddenSize,
    depth: config.depth,
    num_classes: config.classes,
    learn_sigma: config.learnSigma,
  };
  const said = metadataConfig(metadata);
  for (const [field, value] of Object.entries(fields))
    if (said[field] !== undefined && said[field] !== value)
      throw new FormatError(
        `the metadata says ${field} ${JSON.stringify(said[field])}, the shapes say ${value}`,
      );
}

function metadataConfig(
  metadata: Readonly<Record<string, string>>,
): Record<string, unknown> & { num_heads?: number } {
  if (metadata.config === undefined) return {};
  try {
    const parsed: unknown = JSON.parse(metadata.config);
    if (typeof parsed === 'object' && parsed !== null) return parsed as Record<string, unknown>;
  } catch {
    // Falls through to the one message for everything that is not an object.
  }
  throw new FormatError(`the metadata's 'config' is not a JSON object`);
}

/** Labels of so many images, one class after another; the first is that of image `first`. */
export function labelsInTurn({ classes }: Pick<DiTConfig, 'classes'>, count: number, first = 0): number[] {
  return Array.from({ length: count }, (_, i) => (first + i) % classes);
}
