/** What layers are emitted from and with. */
import { PlanError } from '../../errors.js';
import type { PlanBuilder } from '../../plan/builder.js';
import type { Epilogue, FloatType, RowScaledType, View } from '../../plan/types.js';
import type { Group, Layer } from '../network.js';
import type { Actions, CacheForm, LayerAction } from './actions.js';

/** How the cache of a model is laid out; the same for all plans that share it. */
export interface CacheLayout {
  readonly form: CacheForm;
  /** How inputs and outputs are kept, but not what the rank form keeps. Default: as activations are. */
  readonly type?: RowScaledType | undefined;
  /** Names of groups whose layers are stored at different steps and so have a cache each. */
  readonly split: ReadonlySet<string>;
  /** Names of pairs whose layers do the same at every step: calibrated as one, without a cache of what lies between. */
  readonly fused: ReadonlySet<string>;
  /** Rank of a layer's factors; asked only for layers that are calibrated. */
  readonly rank: (layer: string) => number;
  /** Put before a factor's name, as in `factors.1.` + `blocks.0.q.down`. */
  readonly factorPrefix: string;
}

/** What a tap sees of a layer. */
export interface TappedLayer {
  readonly layer: Layer;
  /** The group that it runs in, and its place there. */
  readonly group: Group;
  readonly place: number;
  /** Whether it would be calibrated, and not just computed. */
  readonly calibrated: boolean;
  /** Input, tokens x Ci, and output before its epilogue, tokens x Co. */
  readonly x: View;
  readonly y: View;
  /**
   * The same of what is kept, as the layer would be calibrated against it; asking for them makes the plan read the
   * cache.
   */
  cachedInput(): View;
  cachedOutput(): View;
}

/** Called for every layer that is computed and keeps nothing, and for calibrated ones, which are computed too; may append operations. */
export type LayerTap = (builder: PlanBuilder, layer: TappedLayer) => void;

/** Layers that run as one linear under a single action. */
export interface ActingGroup extends Group {
  readonly action: LayerAction;
}

export interface EpilogueOperands {
  readonly epilogue: Epilogue;
  readonly gate?: View;
  readonly residual?: View;
}

export interface LayerContext {
  readonly builder: PlanBuilder;
  readonly cache: CacheLayout;
  /** Type of inputs, outputs and their caches. Default `f32`. */
  readonly activations?: FloatType | undefined;
  readonly tap?: LayerTap | undefined;
}

/** A group as it runs: whole, or layer by layer where their actions differ at some step. */
export function actingGroups(group: Group, { split }: CacheLayout, actions: Actions): ActingGroup[] {
  const { layers } = group;
  if (!split.has(group.name)) return [{ ...group, action: actionOf(actions, layers[0]!) }];
  return layers.map((layer) => actingLayer(layer, actions));
}

export function actingLayer(layer: Layer, actions: Actions): ActingGroup {
  return { name: layer.name, kind: layer.kind, layers: [layer], action: actionOf(actions, layer) };
}

function actionOf(actions: Actions, { name }: Layer): LayerAction {
  const action = actions.get(name);
  if (!action) throw new PlanError(`there is no action for layer '${name}'`);
  return action;
}
