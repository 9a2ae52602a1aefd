/** The way from a model's latents to pictures: an autoencoder where there is one, nothing where the model works on pixels. */

import { openVae, vaeOn } from '#platform/parts';
import type { Device } from '../backend/backend.js';
import type { Autoencoder, BatchShape, DecodeOptions } from '../engine/autoencoder.js';
import type { DenoiserCheckpoint } from '../engine/checkpoint.js';
import { partFolder } from '../engine/modelFiles.js';
import type { VaeCheckpoint } from '../engine/vaeCheckpoint.js';
import { ArgumentError, IncacheError } from '../errors.js';
import type { Geometry } from '../models/network.js';
import { requireHints, scaleOf, type VaeHints } from '../models/vae/config.js';
import { isPictureSpace, type Picture, picturesOf } from './picture.js';
import { resizeAndCrop } from './resizeAndCrop.js';

/** A latent of the diffusion model is (z - shiftFactor) * scalingFactor. Default: as the autoencoder's files say. */
export type LatentFactors = Pick<VaeHints, 'scalingFactor' | 'shiftFactor'>;

export interface PictureOptions extends DecodeOptions {
  /** Size of the pictures in pixels, resized and cropped: `SampledLatents.pictureSize`. Default: as they are decoded. */
  readonly size?: Geometry | undefined;
}

const USUAL_SCALE = 8;

export class PipelineDecoder implements Disposable {
  readonly #path: string | undefined;
  readonly #model: string;
  readonly #channels: number;
  #checkpoint: VaeCheckpoint | undefined;
  #autoencoder: Autoencoder | undefined;
  readonly #factors: LatentFactors;

  /** vae: a file, a folder or a pipeline's folder, opened at once; default: the folder `vae` of the model, opened when it is needed. */
  constructor({ path, network, files }: DenoiserCheckpoint, vae?: string, factors: LatentFactors = {}) {
    this.#model = path;
    this.#channels = network.latents.channels;
    requireHints(factors);
    this.#factors = { scalingFactor: factors.scalingFactor, shiftFactor: factors.shiftFactor };
    this.#path = vae === undefined ? files.parts.vae : (partFolder(vae, 'vae') ?? vae);
    if (vae !== undefined) this.#open();
  }

  get hasAutoencoder(): boolean {
    return this.#path !== undefined;
  }

  /** Whether latents can become pictures. */
  get isPresent(): boolean {
    return this.hasAutoencoder || isPictureSpace(this.#channels);
  }

  /** Whether latents are pictures already. */
  get isIdentity(): boolean {
    return !this.hasAutoencoder && isPictureSpace(this.#channels);
  }

  /** Pixels of a picture for each of its latents, along a side; without an autoencoder as in Stable Diffusion's. */
  get pixelsPerLatent(): number {
    if (this.hasAutoencoder) return scaleOf(this.checkpoint().config);
    return this.isIdentity ? 1 : USUAL_SCALE;
  }

  /** The autoencoder, opened. Throws an `IncacheError` that says how to give one where there is none. */
  checkpoint(): VaeCheckpoint {
    if (this.#path === undefined)
      throw new IncacheError(
        `${this.#model} has ${this.#channels} latent channels and no autoencoder in a folder 'vae' beside it; ` +
          'one can be given (option vae, --vae on the command line)',
      );
    return this.#checkpoint ?? this.#open();
  }

  /** Pictures of latents of `shape`. */
  async decode(
    device: Device,
    latents: Float32Array,
    shape: BatchShape,
    { size, ...options }: PictureOptions = {},
  ): Promise<Picture[]> {
    if (this.isIdentity) return picturesOf(latents, shape);
    const autoencoder = this.on(device);
    const pictures: Picture[] = [];
    await autoencoder.decode(latents, shape, {
      ...options,
      onImage: (image, planes) => {
        const { channels, height, width, data } = size ? resizeAndCrop(planes, size) : planes;
        pictures.push(...picturesOf(data, [1, channels, height, width]));
        options.onImage?.(image, planes);
      },
    });
    return pictures;
  }

  /** Planes of the pictures, about -1 to 1; latents that are pictures already as they are. */
  async planes(
    device: Device,
    latents: Float32Array,
    shape: BatchShape,
    { signal }: Pick<DecodeOptions, 'signal'> = {},
  ): Promise<Float32Array> {
    return this.isIdentity ? latents : this.on(device).decode(latents, shape, { signal });
  }

  /** The autoencoder on a device, which is the same at every call. */
  on(device: Device): Autoencoder {
    this.#autoencoder ??= vaeOn(this.checkpoint(), device);
    return this.#autoencoder;
  }

  dispose(): void {
    this.#autoencoder?.dispose();
    this.#checkpoint?.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #open(): VaeCheckpoint {
    const checkpoint = openVae(this.#path!, this.#factors);
    const { latentChannels } = checkpoint.config;
    if (latentChannels !== this.#channels) {
      checkpoint.dispose();
      throw new ArgumentError(
        'vae',
        this.#path,
        isPictureSpace(this.#channels)
          ? `no autoencoder: ${this.#model} makes pictures without one`
          : `an autoencoder of ${this.#channels} latent channels, as ${this.#model} has; it has ${latentChannels}`,
      );
    }
    this.#checkpoint = checkpoint;
    return checkpoint;
  }
}
