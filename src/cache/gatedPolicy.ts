/**
 * What a policy is that decides while it runs: gates between the sections of a step, each of which tells by one number
 * how much has changed. All sequences of a session share a decision: both branches of guidance of one image, since the images of
 * such a run are sampled one by one.
 */
import { ArgumentError, requireInteger, requireNumber } from '../errors.js';
import type { StepCut } from '../models/stepPlans.js';

export interface GatedRun {
  readonly steps: number;
  readonly blocks: number;
  /** Sequences of the batch: both branches of guidance. */
  readonly sequences: number;
  /** Elements of the residual stream, all sequences together. */
  readonly elements: number;
}

/** The decisions of one trajectory. */
export interface Gate {
  /**
   * Whether a section is taken from the cache, by the relative change that was measured before it (`GateSignal`).
   * Asked once for every section of every step, in order; never answers yes at step 0.
   */
  caches(step: number, section: number, change: number): boolean;
  /**
   * Of a policy without sections: the prediction of a step that is not run at all, or undefined where it is to be run. Latents and
   * predictions are those of all sequences, one after another.
   */
  skipped?(step: number, latents: Float32Array): Float32Array | undefined;
  /** Told what a step that was run has predicted. */
  computed?(latents: Float32Array, prediction: Float32Array): void;
}

export interface GatedPolicy {
  readonly name: string;
  /** Throws an `ArgumentError` when its parameters do not fit a model of so many blocks. */
  cut(depth: number): StepCut;
  start(run: GatedRun): Gate;
}

/**
 * What is kept of a section: what all of it added to the residual stream (`residual`, as published), or what each of
 * its sublayers gave (`outputs`), which then passes the gates of the present timestep.
 */
export const KEPT = ['residual', 'outputs'] as const;
export type Kept = (typeof KEPT)[number];

/** What all of them have. */
export interface GateParameters {
  /** A section is cached below it; 0 caches nothing. */
  readonly threshold: number;
  /** Steps at the start that are computed in full. */
  readonly warmup?: number | undefined;
}

/** Throws an `ArgumentError` for a negative threshold, and for a warm-up without a step. */
export function requireGate(threshold: number, warmup: number): void {
  requireNumber('threshold', threshold, 0);
  requireInteger('warmup', warmup, 1);
}

/** Throws unless a section of at least one block is left between the blocks that always run. */
export function requireSection(depth: number, firstBlocks: number, lastBlocks: number): void {
  if (firstBlocks + lastBlocks < depth) return;
  throw new ArgumentError(
    'firstBlocks + lastBlocks',
    firstBlocks + lastBlocks,
    `fewer than the ${depth} blocks of this model`,
  );
}
