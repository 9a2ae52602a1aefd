/** What the linears of a block are emitted from and with. */
import type { PlanBuilder } from '../../plan/builder.js';
import type { Epilogue, FloatType, RowScaledType, View } from '../../plan/types.js';
import type { DiTConfig } from '../dit/config.js';
import type { BlockLinear, CacheForm, LinearAction } from './actions.js';

/** How the cache of a model is laid out; the same for all plans that share it. */
export interface CacheLayout {
  readonly form: CacheForm;
  /** How inputs and outputs are kept, but not what the rank form keeps. Default: as activations are. */
  readonly type?: RowScaledType | undefined;
  /** Blocks whose q, k and v are stored at different steps and so have a cache each. */
  readonly splitQkv: readonly boolean[];
  /** Blocks whose fc1 and fc2 do the same at every step: calibrated as one, without a cache of what lies between. */
  readonly fusedMlp: readonly boolean[];
  /** Rank of a layer's factors; asked only for layers that are calibrated. */
  readonly rank: (layer: string) => number;
  /** Put before a factor's name, as in `factors.1.` + `blocks.0.q.down`. */
  readonly factorPrefix: string;
}

/** What a tap sees of a linear. */
export interface TappedLinear {
  /** As in `blocks.0.q`. */
  readonly layer: string;
  /** Whether it would be calibrated, and not just computed. */
  readonly calibrated: boolean;
  /** Input, tokens x Ci, and output before its epilogue, tokens x Co. */
  readonly x: View;
  readonly y: View;
  /**
   * The same of the step that the cache holds, or of the combination that the linear would be calibrated against;
   * asking for them makes the plan read the cache.
   */
  cachedInput(): View;
  cachedOutput(): View;
}

/** Called for every linear that is computed or calibrated, which it then is not, but computed too; may append operations. */
export type LinearTap = (builder: PlanBuilder, linear: TappedLinear) => void;

/** A linear, or q, k and v as one, under a single action. */
export interface LinearGroup {
  /** As in `blocks.0.fc1` or `blocks.0.qkv`. */
  readonly name: string;
  readonly block: number;
  readonly linears: readonly BlockLinear[];
  readonly action: LinearAction;
}

export interface EpilogueOperands {
  readonly epilogue: Epilogue;
  readonly gate?: View;
  readonly residual?: View;
}

/** What the linears of a block are emitted into and with. */
export interface LinearContext {
  readonly builder: PlanBuilder;
  readonly config: DiTConfig;
  readonly cache: CacheLayout;
  /** Type of inputs, outputs and their caches. Default `f32`. */
  readonly activations?: FloatType | undefined;
  readonly tap?: LinearTap | undefined;
}
