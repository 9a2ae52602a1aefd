/** What the worker of an engine can be asked, and what goes to and fro. */

import type { FactorMethod } from '../cache/data/factorMethods.js';
import type { SourceOptions } from '../calibrate/sources.js';
import type { SessionMemory } from '../engine/sessionPlan.js';
import type { OwnTrajectoriesOptions } from '../evaluate/runs/ownTrajectories.js';
import type { Geometry, NetworkInfo } from '../models/network.js';
import type { LoadOptions } from '../pipeline/loadOptions.js';
import type { AnySampleOptions } from '../pipeline/options.js';
import type { SampledLatents, SampleStep } from '../pipeline/result.js';
import type { PortableFactors, PortableFits, PortableRecipe } from './portableCache.js';

/** Files of a model by path, as in `transformer/config.json`; an address is fetched. */
export type ModelParts = Readonly<Record<string, Blob | Uint8Array | string>>;

export type EngineOptions = Pick<
  LoadOptions,
  'backend' | 'threads' | 'weights' | 'heads' | 'weightsKey' | 'variant'
>;

export interface OpenRequest {
  readonly model: ModelParts;
  /** An autoencoder that is not among the files of the model. */
  readonly vae: ModelParts | undefined;
  /** Whether downloads stay with the browser for the next time. */
  readonly keep: boolean;
  readonly options: EngineOptions;
}

export interface ModelInfo {
  readonly network: NetworkInfo;
  /** What classes are called, by number. */
  readonly labelNames: readonly (readonly [number, string])[];
  readonly backend: string;
  readonly threads: number;
  readonly arithmetic: string;
  /** Whether latents become pictures. */
  readonly hasPictures: boolean;
  /** Whether an autoencoder makes them. */
  readonly hasAutoencoder: boolean;
  /** What was chosen or left out on opening, a sentence each. */
  readonly notes: readonly string[];
}

/** Sampling options without what cannot be passed to a worker: `signal`, and what the cache is made with, which is beside them. */
export type RemoteSampleOptions = Omit<AnySampleOptions, 'signal'> & {
  readonly factors?: RemoteFactors;
  readonly fits?: PortableFits;
  readonly recipe?: PortableRecipe;
};

/** Factors are large, and known in the worker by number. */
export interface RemoteFactors {
  readonly id: number;
  /** With the first use of the set. */
  readonly set?: PortableFactors;
}

export type RemoteStep = Omit<SampleStep, 'latents' | 'preview'> & {
  readonly shape: readonly [number, number, number, number];
  readonly values: Float32Array;
};

export type NextStep =
  | { readonly done: false; readonly step: RemoteStep }
  | { readonly done: true; readonly result: SampledLatents };

export interface PictureData {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
  readonly data: Uint8Array;
}

export interface DecodeRequest {
  readonly latents: Float32Array;
  readonly shape: readonly [number, number, number, number];
  readonly size?: Geometry | undefined;
}

/** Pictures of a file or an address, noised as in training: see `loadCalibrationImages` and `imageSource`. */
export interface PictureSource extends SourceOptions {
  readonly images: Blob | string;
}

/** The model's own runs: images in all, 256 by default, how they are sampled, and of a model of prompts what they are of. */
export type TrajectorySource = Omit<OwnTrajectoriesOptions, 'count' | 'fits' | 'signal'> & {
  readonly count?: number;
};

export interface CalibrateRequest {
  readonly method: FactorMethod;
  readonly rank: number;
  readonly ridge?: number;
  /** Pictures, or trajectories of the model's own; none for method `svd`. */
  readonly source?: PictureSource | TrajectorySource;
}

/** What a step does with a layer. */
export type LayerState = 'computed' | 'reused' | 'calibrated';

export interface SchedulePlan {
  /** In the order of the model, as in `blocks.0.fc1`. */
  readonly layers: readonly string[];
  /** By step, for each layer. */
  readonly steps: readonly (readonly LayerState[])[];
  /** Multiply-accumulates of all steps and the conditioning. */
  readonly macs: number;
  readonly memory: SessionMemory;
}

export interface StepErrors {
  readonly step: number;
  readonly timestep: number;
  /** Relative L2 of the latents after the step to those of the run without a cache. */
  readonly latents: number;
  /** The same of the residual stream, by sublayer. */
  readonly layers: ReadonlyMap<string, number>;
}

/** Methods by name. */
export interface EngineMethods {
  open: { takes: OpenRequest; gives: ModelInfo };
  hash: { takes: undefined; gives: string };
  plan: { takes: RemoteSampleOptions; gives: SchedulePlan };
  start: { takes: RemoteSampleOptions; gives: number };
  next: { takes: number; gives: NextStep };
  stop: { takes: number; gives: undefined };
  decode: { takes: DecodeRequest; gives: PictureData[] };
  calibrate: { takes: CalibrateRequest; gives: Required<RemoteFactors> };
  errors: { takes: RemoteSampleOptions; gives: StepErrors[] };
  dispose: { takes: undefined; gives: undefined };
}
