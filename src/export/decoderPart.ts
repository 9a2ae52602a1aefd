/** The decoder in a model file: its plan for one image, and its tensors under names of their own. */
import type { VaeCheckpoint } from '../engine/vaeCheckpoint.js';
import { ArgumentError } from '../errors.js';
import type { Geometry } from '../models/network.js';
import { scaleOf } from '../models/vae/config.js';
import { decoderPlan } from '../models/vae/graph.js';
import { isPictureSpace } from '../pipeline/picture.js';
import type { Pipeline } from '../pipeline/pipeline.js';
import type { FloatType } from '../plan/types.js';
import type { TensorToWrite } from '../weights/safetensors.js';
import { DECODER_PREFIX, type ModelDecoder } from './format.js';

/**
 * The autoencoder whose decoder belongs into the file, or undefined where none does. Throws an `ArgumentError` where one is asked
 * for and the model has none, or one whose pictures are neither grey nor coloured.
 */
export function autoencoderOf(
  { decoder, checkpoint }: Pipeline,
  wanted: boolean | undefined,
): VaeCheckpoint | undefined {
  if (wanted !== undefined && typeof wanted !== 'boolean')
    throw new ArgumentError('decoder', wanted, 'true or false');
  if (wanted === false || (wanted === undefined && !decoder.hasAutoencoder)) return undefined;
  if (!decoder.hasAutoencoder)
    throw new ArgumentError('decoder', wanted, `false: ${checkpoint.path} has no autoencoder`);
  const autoencoder = decoder.checkpoint();
  const { imageChannels } = autoencoder.config;
  if (!isPictureSpace(imageChannels))
    throw new ArgumentError(
      'decoder',
      wanted ?? true,
      `false: ${autoencoder.path} makes pictures of ${imageChannels} channels, not of 1 or 3`,
    );
  return autoencoder;
}

export function decoderPart(
  { config }: VaeCheckpoint,
  { height, width }: Geometry,
  activations: FloatType,
): ModelDecoder {
  const plan = decoderPlan(config, { height, width, activations });
  const scale = scaleOf(config);
  return {
    scalingFactor: config.scalingFactor,
    shiftFactor: config.shiftFactor,
    channels: config.imageChannels,
    height: height * scale,
    width: width * scale,
    plan: {
      ...plan,
      buffers: plan.buffers.map((buffer) =>
        buffer.role === 'weight' ? { ...buffer, name: DECODER_PREFIX + buffer.name } : buffer,
      ),
    },
  };
}

/** The tensor of this name in the model file. */
export function decoderTensor(name: string, autoencoder: VaeCheckpoint): TensorToWrite {
  const own = name.slice(DECODER_PREFIX.length);
  return { ...readable(autoencoder.stored(own), () => autoencoder.read(own)), name };
}

/** The tensor as it is stored where programs read its type, else as F32. */
export function readable(stored: TensorToWrite, read: () => Float32Array): TensorToWrite {
  if (['F32', 'F16', 'BF16'].includes(stored.dtype)) return stored;
  return { ...stored, dtype: 'F32', data: read };
}
