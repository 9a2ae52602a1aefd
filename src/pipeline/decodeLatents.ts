/** Pictures of latents that were kept, without the model that made them. */
import type { DeviceOptions } from '../backend/backend.js';
import { DEVICE_OPTION_NAMES, openDevice } from '../backend/choose.js';
import { Autoencoder, type BatchShape, type DecodeOptions } from '../engine/autoencoder.js';
import { locateAutoencoder } from '../engine/modelKind.js';
import { VaeCheckpoint } from '../engine/vaeCheckpoint.js';
import { ArgumentError } from '../errors.js';
import { type OptionNames, pickOptions, requireOptions } from '../optionNames.js';
import type { LatentFactors } from './decoder.js';
import { isPictureSpace, type Picture, picturesOf } from './picture.js';

export interface DecodeLatentsOptions extends DeviceOptions, DecodeOptions, LatentFactors {
  /** The autoencoder: a file, a folder, or a model's folder with `vae` in it. */
  readonly vae: string;
  /** Name of the backend; default: the fastest one present. */
  readonly backend?: string | undefined;
}

const OPTION_NAMES: OptionNames<DecodeLatentsOptions> = {
  ...DEVICE_OPTION_NAMES,
  vae: true,
  backend: true,
  scalingFactor: true,
  shiftFactor: true,
  tiled: true,
  tileSize: true,
  signal: true,
  onImage: true,
};

/**
 * Pictures of `latents` (images x channels x height x width, scaled as the diffusion model has them), as `Pipeline.decode`
 * makes them. Throws an `ArgumentError` where they do not fit the autoencoder, a `FormatError` for a file that holds none.
 */
export async function decodeLatents(
  latents: Float32Array,
  shape: BatchShape,
  options: DecodeLatentsOptions,
): Promise<Picture[]> {
  requireOptions('options', options, OPTION_NAMES);
  const { vae, backend, onImage } = options;
  if (typeof vae !== 'string') throw new ArgumentError('vae', vae, 'the path of an autoencoder');
  using checkpoint = new VaeCheckpoint(locateAutoencoder(vae), options);
  const { imageChannels } = checkpoint.config;
  if (!isPictureSpace(imageChannels))
    throw new ArgumentError(
      'vae',
      vae,
      `an autoencoder whose pictures have 1 or 3 channels, not ${imageChannels}`,
    );
  const device = await openDevice(backend, pickOptions<DeviceOptions>(options, DEVICE_OPTION_NAMES));
  try {
    using autoencoder = new Autoencoder(checkpoint, device);
    const pictures: Picture[] = [];
    await autoencoder.decode(latents, shape, {
      ...options,
      onImage: (image, planes) => {
        const { channels, height, width, data } = planes;
        pictures.push(...picturesOf(data, [1, channels, height, width]));
        onImage?.(image, planes);
      },
    });
    return pictures;
  } finally {
    await device.dispose();
  }
}
