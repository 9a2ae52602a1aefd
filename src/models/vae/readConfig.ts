/** The configuration of an autoencoder from its config.json or, for CompVis' files, from its tensors. */
import { ArgumentError, FormatError } from '../../errors.js';
import { ConfigFields, MOST_LAYERS } from '../configFields.js';
import type { VaeConfig, VaeHints } from './config.js';

const MOST_LEVELS = 8;

/** Defaults of the class AutoencoderKL, for what a config.json leaves out. */
const DEFAULTS = {
  _class_name: 'AutoencoderKL',
  act_fn: 'silu',
  in_channels: 3,
  out_channels: 3,
  latent_channels: 4,
  block_out_channels: [64],
  layers_per_block: 1,
  norm_num_groups: 32,
  sample_size: 32,
  scaling_factor: 0.18215,
  shift_factor: null,
  use_quant_conv: true,
  use_post_quant_conv: true,
  mid_block_add_attention: true,
} as const;

/**
 * The configuration that a diffusers config.json describes. `where` names the file in messages.
 * Throws a `FormatError` that names the field for what is not supported.
 */
export function parseVaeConfig(json: Readonly<Record<string, unknown>>, where: string): VaeConfig {
  const read = new ConfigFields(where, json, DEFAULTS);
  read.oneOf('_class_name', ['AutoencoderKL']);
  read.oneOf('act_fn', ['silu']);
  read.isNull('latents_mean');
  read.isNull('latents_std');
  const imageChannels = read.count('in_channels');
  if (read.count('out_channels') !== imageChannels)
    read.refuse('out_channels', `in_channels, which is ${imageChannels}`);
  const channels = read.counts('block_out_channels', MOST_LEVELS);
  for (const [field, type] of [
    ['down_block_types', 'DownEncoderBlock2D'],
    ['up_block_types', 'UpDecoderBlock2D'],
  ] as const)
    requireBlocks(read, field, type, channels.length);
  const groups = read.count('norm_num_groups');
  const odd = channels.find((width) => width % groups !== 0);
  if (odd !== undefined) read.refuse('norm_num_groups', `a divisor of every width; ${odd} is one of them`);
  return {
    imageChannels,
    latentChannels: read.count('latent_channels'),
    channels,
    layersPerBlock: read.count('layers_per_block', MOST_LAYERS),
    groups,
    sampleSize: read.count('sample_size'),
    scalingFactor: read.positive('scaling_factor'),
    shiftFactor: read.numberOrNull('shift_factor') ?? 0,
    quantConv: read.flag('use_quant_conv'),
    postQuantConv: read.flag('use_post_quant_conv'),
    midAttention: read.flag('mid_block_add_attention'),
  };
}

function requireBlocks(read: ConfigFields, field: string, type: string, levels: number): void {
  const types = read.fields[field];
  if (types === undefined) return;
  const fits = Array.isArray(types) && types.length === levels && types.every((each) => each === type);
  if (!fits) read.refuse(field, `${levels} times '${type}'`);
}

/** The fields of the config.json that `parseVaeConfig` reads as this configuration. */
export function vaeConfigFields(config: VaeConfig): Record<string, unknown> {
  const levels = config.channels.length;
  return {
    _class_name: 'AutoencoderKL',
    act_fn: 'silu',
    block_out_channels: config.channels,
    down_block_types: new Array(levels).fill('DownEncoderBlock2D'),
    in_channels: config.imageChannels,
    latent_channels: config.latentChannels,
    layers_per_block: config.layersPerBlock,
    mid_block_add_attention: config.midAttention,
    norm_num_groups: config.groups,
    out_channels: config.imageChannels,
    sample_size: config.sampleSize,
    scaling_factor: config.scalingFactor,
    shift_factor: config.shiftFactor === 0 ? null : config.shiftFactor,
    up_block_types: new Array(levels).fill('UpDecoderBlock2D'),
    use_post_quant_conv: config.postQuantConv,
    use_quant_conv: config.quantConv,
  };
}

/**
 * The configuration that the shapes determine, for files without a config.json. `shapeOf` takes a canonical name (diffusers'
 * current one) and returns the shape of that tensor, or undefined where there is none.
 */
export function inferVaeConfig(
  shapeOf: (name: string) => readonly number[] | undefined,
  where: string,
  hints: VaeHints = {},
): VaeConfig {
  const { decoderIn, imageChannels } = decoderShape(shapeOf, where);
  const channels: number[] = [];
  // The decoder's levels are counted from the latent's resolution, its last level is the picture's.
  for (let level = 0; ; level++) {
    const shape = shapeOf(`decoder.up_blocks.${level}.resnets.0.conv1.weight`);
    if (!shape) break;
    channels.unshift(shape[0]!);
  }
  let resnets = 0;
  while (shapeOf(`decoder.up_blocks.0.resnets.${resnets}.conv1.weight`)) resnets++;
  const latentChannels = decoderIn[1]!;
  const scalingFactor = hints.scalingFactor ?? (latentChannels === 4 ? DEFAULTS.scaling_factor : undefined);
  if (scalingFactor === undefined)
    throw new ArgumentError(
      'scalingFactor',
      scalingFactor,
      `a positive number: ${where} has ${latentChannels} latent channels and no config.json that says it; give the options ` +
        'scalingFactor and shiftFactor (--scaling-factor, --shift-factor), which are 1.5305 and 0.0609 for Stable Diffusion 3, ' +
        '0.3611 and 0.1159 for Flux',
    );
  return {
    imageChannels,
    latentChannels,
    channels,
    layersPerBlock: resnets - 1,
    groups: hints.groups ?? DEFAULTS.norm_num_groups,
    sampleSize: hints.sampleSize ?? 256,
    scalingFactor,
    shiftFactor: hints.shiftFactor ?? 0,
    quantConv: shapeOf('quant_conv.weight') !== undefined,
    postQuantConv: shapeOf('post_quant_conv.weight') !== undefined,
    midAttention: shapeOf('decoder.mid_block.attentions.0.to_q.weight') !== undefined,
  };
}

function decoderShape(shapeOf: (name: string) => readonly number[] | undefined, where: string) {
  const decoderIn = shapeOf('decoder.conv_in.weight');
  const decoderOut = shapeOf('decoder.conv_out.weight');
  if (decoderIn?.length !== 4 || decoderOut?.length !== 4)
    throw new FormatError(
      `${where} holds no autoencoder: its decoder.conv_in or decoder.conv_out is missing`,
    );
  return { decoderIn, imageChannels: decoderOut[0]! };
}
