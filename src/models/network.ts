/**
 * What a network is to everything outside of its own folder: its layers as data, and emitters that append its operations to
 * plans. A family (`models/dit`, ...) makes one of a configuration. Caches, policies, calibration, search and reports
 * know the layers by name; which operations lie between them only the family knows.
 */
import type { PlanBuilder } from '../plan/builder.js';
import type { FloatType, View } from '../plan/types.js';
import type { Actions } from './layers/actions.js';
import type { CacheLayout, LayerTap } from './layers/context.js';

/** Height and width of the latents of an image, in their own pixels. */
export interface Geometry {
  readonly height: number;
  readonly width: number;
}

/** A linear layer that carries the cost of a step, and can be computed, stored, reused or calibrated by itself. */
export interface Layer {
  /** As in `blocks.3.fc1`: its name in schedules, factor files and cost tables. */
  readonly name: string;
  /** Names of the block and the sublayer that it lies in, as in `blocks.3` and `blocks.3.mlp`. */
  readonly block: string;
  readonly sublayer: string;
  /** That of its group, as in `blocks.3.qkv`. */
  readonly group: string;
  /** What it is, by the same name in every block, as in `fc1`. */
  readonly kind: string;
  /** Input and output channels (Ci, Co). */
  readonly inputs: number;
  readonly outputs: number;
  /** The stream whose tokens pass through it: a name of `Network.streams`. */
  readonly stream: string;
  readonly weight: WeightPlace;
}

/** The rows of the checkpoint's `<tensor>.weight` (`rows` x Ci) and `<tensor>.bias` that begin at `first`. */
export interface WeightPlace {
  readonly tensor: string;
  readonly first: number;
  /** Rows of the whole tensor. */
  readonly rows: number;
}

/**
 * Layers with the same input. They run as one linear, on one cache, unless their actions differ at some step. Their weights
 * follow one another in one tensor. Most groups have one layer, whose name they bear.
 */
export interface Group {
  readonly name: string;
  /** What it is, by the same name in every block, as in `qkv`. */
  readonly kind: string;
  readonly layers: readonly Layer[];
}

/** Two layers with GELU between them, which are calibrated as one operation where both are at the same steps. */
export interface FusedPair {
  readonly name: string;
  readonly first: Layer;
  readonly second: Layer;
}

/** A part of a block whose result is added to a residual stream: attention or MLP. */
export interface Sublayer {
  /** As in `blocks.3.mlp`. */
  readonly name: string;
  /** What it is, by the same name in every block: `attention`, `cross` (cross-attention) or `mlp`. */
  readonly kind: string;
  readonly block: string;
  /** In the order in which they run. */
  readonly groups: readonly Group[];
  /** The layers whose outputs are added to the streams: when all are reused, nothing else of the sublayer runs. */
  readonly ends: readonly Layer[];
  readonly pairs: readonly FusedPair[];
  /** Multiply-accumulates for one sequence of what is no layer, as of the products of attention. */
  products(geometry: Geometry): number;
}

export interface Block {
  /** As in `blocks.3`. */
  readonly name: string;
  readonly sublayers: readonly Sublayer[];
}

/** Tokens that a block passes on to the next one, as those of the image or of the text. */
export interface Stream {
  readonly name: string;
  /** For one sequence. */
  tokens(geometry: Geometry): number;
}

/** A size of latents that a network was trained on, for pictures whose height / width is about `ratio`. */
export interface SizeBin extends Geometry {
  readonly ratio: number;
}

/**
 * What a sequence is conditioned on beside the timestep: an input of the plan of `emitTable` (`table`: small, a row of the
 * table for each distinct value and timestep) or of `context` (`sequence`: read once for each sequence, as text is).
 */
export interface Condition {
  /** Name of the input: `labels`, `text`, ... */
  readonly name: string;
  readonly scope: 'table' | 'sequence';
  readonly type: 'f32' | 'i32';
  /** Size of its value for one sequence; 1 x 1 for a number. */
  readonly rows: number;
  readonly columns: number;
  /** For labels, how many classes there are. The label after the last is the null class of guidance. */
  readonly classes?: number;
}

export interface Network {
  /** As in `dit`. */
  readonly family: string;
  /** Its configuration, for reports. */
  readonly config: object;
  /** What the metadata of a file must say beside its tensors, so that the family makes the same network of it. */
  readonly metadata: Readonly<Record<string, string>>;
  /** What people want to know of it, for `incache info`: pairs of a name and a text. */
  readonly facts: readonly (readonly [string, string])[];
  /** Shapes of the tensors of its checkpoint, by name. */
  readonly tensors: ReadonlyMap<string, readonly number[]>;

  readonly blocks: readonly Block[];
  /** The sublayers of all blocks, in order: the columns of a schedule. */
  readonly sublayers: readonly Sublayer[];
  readonly groups: readonly Group[];
  readonly layers: readonly Layer[];
  /** The first is that from which the prediction is made. */
  readonly streams: readonly Stream[];
  /** Channels of the residual streams. */
  readonly width: number;

  /** Latents of one image: channels, the height and width that it was trained for, and what divides every other. */
  readonly latents: Geometry & { readonly channels: number; readonly multipleOf: number };
  /** Where it was trained on many shapes: pictures of any other size are made in the nearest one, then resized and cropped. */
  readonly sizeBins?: readonly SizeBin[];
  /** With `variance` it also predicts where the variance lies (as many channels again). */
  readonly predicts: { readonly kind: 'noise' | 'velocity' | 'flow'; readonly variance: boolean };
  /** Noise channels that the original code guides, from the first on. */
  readonly guidanceChannels: number;
  readonly conditions: readonly Condition[];
  /** Multiply-accumulates of a step for one sequence outside of all blocks. */
  fixedMacs(geometry: Geometry): number;

  /** Columns of the state `modulation`. */
  readonly tableWidth: number;
  /**
   * Appends what depends on the timestep and the conditions of scope `table` alone. Inputs: `timesteps` rows x 1 (may be
   * fractional) and the conditions, a row each. State: `modulation`, rows x `tableWidth`.
   */
  emitTable(builder: PlanBuilder, rows: number): void;
  /**
   * Appends what depends on the conditions of scope `sequence` alone, such as keys and values of the text, which is run once
   * for a batch. Inputs: the conditions, one sequence after another. What it makes are states, which steps read by name.
   */
  readonly emitContext?: (builder: PlanBuilder, options: ContextOptions) => void;
  /** What appends a step, whole or from block to block. */
  step(options: StepOptions): NetworkStep;
}

export interface ContextOptions {
  /** In the batch. */
  readonly sequences: number;
  /** Type of what steps read, as `StepOptions.activations`. */
  readonly activations: FloatType;
}

export interface StepOptions {
  readonly builder: PlanBuilder;
  readonly geometry: Geometry;
  /** In the batch; with guidance, twice the images. */
  readonly sequences: number;
  /** Rows of the state `modulation`. */
  readonly tableRows: number;
  /** Blocks that the plan has: from `first` on, up to `last`; as many as there are blocks for what is behind them. */
  readonly first: number;
  readonly last: number;
  /** Whether the streams are states, with which another plan of the step goes on. */
  readonly resumes: boolean;
  readonly cache: CacheLayout;
  /** Type of what lies between the operations of a block, and of its caches. The streams are float32. */
  readonly activations: FloatType;
  readonly tap?: LayerTap | undefined;
  /** Called behind every sublayer with the stream that it has added to; may append operations. */
  readonly onSublayer?: ((builder: PlanBuilder, sublayer: string, stream: View) => void) | undefined;
}

/**
 * Appends operations in the order of its calls. Inputs: `latents` sequences x (channels * height * width), `rows` i32
 * sequences x 1, the place of each sequence in the state `modulation`.
 */
export interface NetworkStep {
  /** The residual streams as they are now, in the order of `Network.streams`: tokens of all sequences x width. */
  readonly streams: readonly View[];
  /** From the inputs to the streams. */
  begin(): void;
  /** Goes on from the streams that another plan of the step has left. */
  resume(): void;
  /** Updates the streams in place. */
  block(block: number, actions: Actions): void;
  /** A temporary: what the first sublayer of a block, at most `last`, reads of the first stream, normalised and modulated. */
  blockInput(block: number): View;
  /** From the streams to the output `prediction`, sequences x (channels * height * width). */
  end(): void;
}

/** What of a network is data: it can be passed to another thread. */
export type NetworkInfo = Pick<
  Network,
  'family' | 'config' | 'width' | 'latents' | 'predicts' | 'guidanceChannels' | 'conditions'
>;

export function networkInfo(network: Network): NetworkInfo {
  const { family, config, width, latents, predicts, guidanceChannels, conditions } = network;
  return { family, config, width, latents, predicts, guidanceChannels, conditions };
}

/** How many classes a network is conditioned on; 0 where labels are none of its conditions. */
export function classesOf({ conditions }: Pick<Network, 'conditions'>): number {
  return conditions.find(({ classes }) => classes !== undefined)?.classes ?? 0;
}

/** Values of the latents of one image. */
export function latentSize(
  { latents }: Pick<Network, 'latents'>,
  { height, width }: Geometry = latents,
): number {
  return latents.channels * height * width;
}

/** Labels of so many images, one class after another; the first is that of image `first`. */
export function labelsInTurn(network: Pick<Network, 'conditions'>, count: number, first = 0): number[] {
  return Array.from({ length: count }, (_, i) => (first + i) % classesOf(network));
}
