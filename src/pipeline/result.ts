/** What a run gives back, step by step and in the end. */
import type { SamplerName } from '../diffusion/sampler.js';
import type { SessionMemory } from '../engine/sessionPlan.js';
import type { Geometry } from '../models/network.js';
import type { Picture } from './picture.js';

/** One denoising step of one batch, after it was taken. */
export interface SampleStep {
  /** Step in sampling order, from 0, and how many there are. */
  readonly index: number;
  readonly steps: number;
  /** Batch in the run, from 0, and how many there are. */
  readonly batch: number;
  readonly batches: number;
  /** Timestep that the network was given; fractional for DPM-Solver++. */
  readonly timestep: number;
  /** Time of the step, network and sampler, in milliseconds. */
  readonly milliseconds: number;
  /** Multiply-accumulates of the network for all sequences of the batch. */
  readonly macs: number;
  /** Blocks that a policy which decides while it runs has left to the cache; 0 under any other. */
  readonly cachedBlocks: number;
  /**
   * A copy of the batch's latents after the step: images x channels x height x width. Throws once the next
   * step has been taken.
   */
  latents(): Float32Array;
  /** What they look like: small pictures, made without the autoencoder. Throws as `latents` does. */
  preview(): Picture[];
}

export interface SampleReport {
  readonly images: number;
  /** The most images that were denoised together: 1 under a policy that decides while it runs. */
  readonly batch: number;
  readonly steps: number;
  readonly sampler: SamplerName;
  /** Multiply-accumulates of all steps and of the conditioning, guidance included. */
  readonly macs: number;
  /** Time of the steps and of the conditioning, in milliseconds; set-up apart. */
  readonly milliseconds: number;
  /** Time to plan, compile and allocate, in milliseconds. */
  readonly setupMilliseconds: number;
  /** What the largest batch took beside the weights, in bytes. */
  readonly memory: SessionMemory;
  /** With a policy that decides while it runs: `SampleStep.cachedBlocks` of every step, by image. */
  readonly cachedBlocks?: readonly (readonly number[])[];
  /** For a model of prompts: time to encode them, in milliseconds. */
  readonly textMilliseconds?: number;
  /** What was done otherwise than asked, a sentence each. */
  readonly notes?: readonly string[];
}

export interface SampledLatents {
  /** images x channels x height x width, row-major. */
  readonly latents: Float32Array;
  /** [images, channels, height, width] */
  readonly shape: readonly [number, number, number, number];
  /** Size of their pictures, where they are resized and cropped to another size than they are decoded in: option `size` of `decode`. */
  readonly pictureSize?: Geometry;
  readonly report: SampleReport;
}

export interface SampleResult extends SampledLatents {
  /** The pictures of the latents. Empty where the model has neither pictures for latents nor an autoencoder. */
  readonly images: readonly Picture[];
}
