/** From a schedule and what scattered layers do to what every step does with every layer. */
import {
  type Actions,
  actionKey,
  CALIBRATE,
  COMPUTE,
  isStored,
  type LayerAction,
  REUSE,
  STORE,
  STORE_OUTPUT,
} from '../models/layers/actions.js';
import type { Layer, Network, Sublayer } from '../models/network.js';
import type { Schedule } from './schedule.js';

/**
 * What a layer does at a step at which it does not gather. It may change from step to step: a store serves reuse and
 * calibration alike.
 */
export type ScatterAction = (layer: string, step: number) => 'reuse' | 'calibrate';

/** Turns G and S into the actions of each step. */
export function stepActions(network: Network, schedule: Schedule, scatter: ScatterAction): Actions[] {
  const columns = network.sublayers.flatMap((sublayer) =>
    sublayer.groups.flatMap(({ layers }) =>
      layers.map((layer) => [layer.name, layerActions(schedule, layer, sublayer, scatter)] as const),
    ),
  );
  return Array.from(
    { length: schedule.steps },
    (_, step) => new Map(columns.map(([name, actions]) => [name, actions[step]!])),
  );
}

/** Walks from the last step to the first, so that a gathered step knows what will be read of its store. */
function layerActions(
  schedule: Schedule,
  layer: Layer,
  { ends }: Sublayer,
  scatter: ScatterAction,
): LayerAction[] {
  // When the ends are reused, nothing else of the sublayer needs to run.
  const bypassed = (step: number) =>
    !ends.includes(layer) &&
    ends.every((end) => !schedule.gathers(step, end) && scatter(end.name, step) === 'reuse');
  const actions: LayerAction[] = [];
  // What the next gather met on the way back has to store.
  let need = COMPUTE;
  for (let step = schedule.steps - 1; step >= 0; step--) {
    if (schedule.gathers(step, layer)) {
      actions.push(need);
      need = COMPUTE;
    } else if (bypassed(step)) {
      actions.push(REUSE);
    } else if (scatter(layer.name, step) === 'calibrate') {
      actions.push(CALIBRATE);
      need = STORE;
    } else {
      actions.push(REUSE);
      if (need !== STORE) need = STORE_OUTPUT;
    }
  }
  return actions.reverse();
}

/** `steps` with the actions of some layers changed: `change` gets those of all steps, and returns as many. */
export function withChanged(
  steps: readonly Actions[],
  layers: readonly Layer[],
  change: (actions: readonly LayerAction[], layer: Layer) => readonly LayerAction[],
): Actions[] {
  const changed = steps.map((actions) => new Map(actions));
  for (const layer of layers) {
    const own = steps.map((actions) => actions.get(layer.name)!);
    for (const [step, action] of change(own, layer).entries()) changed[step]!.set(layer.name, action);
  }
  return changed;
}

/**
 * Names of pairs whose layers are always calibrated together and against the same step, so that they are one operation and
 * the input of the second needs no cache. At other steps they may differ: where the second is reused, the first has
 * nothing to store.
 */
export function fusedPairs({ sublayers }: Network, steps: readonly Actions[]): Set<string> {
  const pairs = sublayers.flatMap((sublayer) => sublayer.pairs);
  const fused = pairs.filter(({ first, second }) => {
    let [storedFirst, storedSecond] = [-1, -1];
    return steps.every((actions, step) => {
      const [one, two] = [actions.get(first.name)!, actions.get(second.name)!];
      if (keepsInput(one)) storedFirst = step;
      if (keepsInput(two)) storedSecond = step;
      if (!isPlain(one) || !isPlain(two)) return false;
      if (!isCalibrated(one) && !isCalibrated(two)) return true;
      return actionKey(one) === actionKey(two) && storedFirst === storedSecond;
    });
  });
  return new Set(fused.map(({ name }) => name));
}

function keepsInput(action: LayerAction): boolean {
  return action.compute && action.keep?.input === true;
}

function isCalibrated(action: LayerAction): boolean {
  return !action.compute && action.increment;
}

/** Against a combination of several steps gelu(T(y1)) is not what T(y2) was made from. */
function isPlain(action: LayerAction): boolean {
  return action.compute || !action.increment || isStored(action.from);
}

/** Names of groups whose layers do different things at some step, so that each needs a cache of its own. */
export function splitGroups({ groups }: Network, steps: readonly Actions[]): Set<string> {
  const split = groups.filter(({ layers }) =>
    steps.some((actions) => {
      const keys = layers.map(({ name }) => actionKey(actions.get(name)!));
      return keys.some((key) => key !== keys[0]);
    }),
  );
  return new Set(split.map(({ name }) => name));
}
