/** An autoencoder on a device: latents to pictures and back. */
import type { Device, DeviceWeights } from '../backend/backend.js';
import { ArgumentError, IncacheError, OutOfMemoryError, requireInteger } from '../errors.js';
import { scaleOf, type VaeConfig } from '../models/vae/config.js';
import { decoderPlan, encoderPlan, latentSize, type PixelSize } from '../models/vae/graph.js';
import { BoundPlan } from './boundPlan.js';
import { cut, joinTiles, needsTiles, type Planes, type Tile, tilesOf, tilingOf } from './tiles.js';
import type { VaeCheckpoint } from './vaeCheckpoint.js';

/** images x channels x height x width. */
export type BatchShape = readonly [images: number, channels: number, height: number, width: number];

export interface DecodeOptions {
  /**
   * `true`: in tiles wherever the latent is larger than one; `false`: at once; `auto`, the default: at once, and in tiles where
   * the device has not enough memory for that.
   */
  readonly tiled?: boolean | 'auto';
  /** Side of a tile in latents. Default: that of the pictures the model was trained on. */
  readonly tileSize?: number;
  readonly signal?: AbortSignal | undefined;
  /** Called when an image is done, with its place in the batch and its planes. */
  readonly onImage?: ((image: number, planes: Planes) => void) | undefined;
}

/** Limits of the log variance that the encoder gives. */
const LOG_VARIANCE = [-30, 20] as const;

export interface Encoded {
  /** images x latent channels x height x width, each. */
  readonly shape: BatchShape;
  readonly mean: Float32Array;
  readonly standardDeviation: Float32Array;
}

export class Autoencoder implements Disposable {
  readonly #weights: DeviceWeights;
  #bound: { readonly key: string; readonly plan: BoundPlan } | undefined;
  #disposed = false;

  /** Weights are read when they are first needed. The caller keeps the device and the checkpoint open as long as this. */
  constructor(
    readonly checkpoint: VaeCheckpoint,
    readonly device: Device,
  ) {
    this.#weights = device.loadWeights({ read: (name) => checkpoint.readStored(name) });
  }

  get config(): VaeConfig {
    return this.checkpoint.config;
  }

  /**
   * Pictures of latents as the diffusion model has them (that is, scaled): images x 3 x height x width, about -1 to 1 and not
   * clamped, one image after another. `shape` is that of `latents`. Throws an `ArgumentError` where it has other channels than the
   * autoencoder, rejects with an `OutOfMemoryError` when not even a tile fits.
   */
  async decode(latents: Float32Array, shape: BatchShape, options: DecodeOptions = {}): Promise<Float32Array> {
    this.#check('latents', latents, shape, this.config.latentChannels);
    const [images, channels, height, width] = shape;
    const { scalingFactor, shiftFactor, imageChannels } = this.config;
    const scale = scaleOf(this.config);
    const size = channels * height * width;
    const pixels = imageChannels * height * width * scale ** 2;
    const pictures = new Float32Array(images * pixels);
    for (let image = 0; image < images; image++) {
      options.signal?.throwIfAborted();
      const data = latents
        .subarray(image * size, (image + 1) * size)
        .map((value) => value / scalingFactor + shiftFactor);
      const planes = await this.#decodeOne({ channels, height, width, data }, options);
      pictures.set(planes.data, image * pixels);
      options.onImage?.(image, planes);
    }
    return pictures;
  }

  /**
   * Mean and standard deviation of the latents of pictures (images x 3 x height x width, -1 to 1), as the diffusion model has
   * them. A side that the autoencoder's levels do not divide is rounded down at each.
   */
  async encode(pictures: Float32Array, shape: BatchShape): Promise<Encoded> {
    if (!this.checkpoint.hasEncoder)
      throw new IncacheError(`${this.checkpoint.path} has a decoder alone: pictures cannot be encoded`);
    this.#check('pictures', pictures, shape, this.config.imageChannels);
    const [images, channels, height, width] = shape;
    const least = scaleOf(this.config);
    if (height < least || width < least)
      throw new ArgumentError('pictures', `${height} x ${width} pixels`, `sides of at least ${least}`);
    const { latentChannels, scalingFactor, shiftFactor } = this.config;
    const latent = latentSize(this.config, { height, width });
    const count = latentChannels * latent.height * latent.width;
    const mean = new Float32Array(images * count);
    const standardDeviation = new Float32Array(images * count);
    const size = channels * height * width;
    for (let image = 0; image < images; image++) {
      const plan = await this.#bind('encoder', { height, width });
      const picture = pictures.slice(image * size, (image + 1) * size);
      const moments = await plan.run({ image: picture }, 'moments');
      for (let i = 0; i < count; i++) {
        const logVariance = Math.min(LOG_VARIANCE[1], Math.max(LOG_VARIANCE[0], moments[count + i]!));
        mean[image * count + i] = (moments[i]! - shiftFactor) * scalingFactor;
        standardDeviation[image * count + i] = Math.exp(logVariance / 2) * scalingFactor;
      }
    }
    return { shape: [images, latentChannels, latent.height, latent.width], mean, standardDeviation };
  }

  /** Frees the plan and the weights on the device. */
  dispose(): void {
    this.#disposed = true;
    this.#bound?.plan.dispose();
    this.#bound = undefined;
    this.#weights.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  async #decodeOne(latent: Planes, { tiled = 'auto', tileSize, signal }: DecodeOptions): Promise<Planes> {
    if (tileSize !== undefined) requireInteger('tileSize', tileSize, 4);
    const tiling = tilingOf(this.config, tileSize);
    if (tiled === true && needsTiles(tiling, latent)) return this.#decodeTiles(latent, tileSize, signal);
    try {
      return await this.#decodeWhole(latent, signal);
    } catch (error) {
      if (tiled !== 'auto' || !(error instanceof OutOfMemoryError) || !needsTiles(tiling, latent))
        throw error;
      return this.#decodeTiles(latent, tileSize, signal);
    }
  }

  async #decodeWhole({ height, width, data }: Planes, signal?: AbortSignal): Promise<Planes> {
    const plan = await this.#bind('decoder', { height, width });
    const scale = scaleOf(this.config);
    return {
      channels: this.config.imageChannels,
      height: height * scale,
      width: width * scale,
      data: await plan.run({ latents: data }, 'image', signal),
    };
  }

  /** Tiles of one size after another, so that a plan is made once for each. */
  async #decodeTiles(
    latent: Planes,
    side: number | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Planes> {
    const tiling = tilingOf(this.config, side);
    const tiles = tilesOf(tiling, latent);
    const sizeOf = ({ height, width }: Tile) => `${height} x ${width}`;
    const decoded = new Map<Tile, Planes>();
    for (const size of new Set(tiles.flat().map(sizeOf)))
      for (const tile of tiles.flat()) {
        if (sizeOf(tile) !== size) continue;
        signal?.throwIfAborted();
        decoded.set(tile, await this.#decodeWhole(cut(latent, tile), signal));
      }
    return joinTiles(
      tiles.map((row) => row.map((tile) => decoded.get(tile)!)),
      tiling,
      scaleOf(this.config),
    );
  }

  /** The plan for pictures or latents of that size. One is kept: its arena is what takes memory. */
  async #bind(side: 'decoder' | 'encoder', size: PixelSize): Promise<BoundPlan> {
    if (this.#disposed) throw new IncacheError('this autoencoder has been disposed');
    const key = `${side} ${size.height} x ${size.width}`;
    if (this.#bound?.key === key) return this.#bound.plan;
    this.#bound?.plan.dispose();
    this.#bound = undefined;
    const makePlan = side === 'decoder' ? decoderPlan : encoderPlan;
    const plan = makePlan(this.config, { ...size, activations: this.device.activations });
    this.#bound = { key, plan: await BoundPlan.compile(this.device, this.#weights, plan) };
    return this.#bound.plan;
  }

  #check(name: string, values: Float32Array, shape: BatchShape, channels: number): void {
    for (const [place, size] of shape.entries()) requireInteger(`shape[${place}] of ${name}`, size, 1);
    if (shape[1] !== channels)
      throw new ArgumentError(
        name,
        `of ${shape[1]} channels`,
        `${channels} channels, as ${this.checkpoint.path} has`,
      );
    const count = shape.reduce((product, size) => product * size, 1);
    if (values.length !== count)
      throw new ArgumentError(name, `${values.length} values`, `${count}, the product of [${shape}]`);
  }
}
