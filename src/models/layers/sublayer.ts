/** What the sublayers of most networks are made of: a group with one input, and an MLP of two layers. */
import { sliceColumns } from '../../plan/builder.js';
import type { View } from '../../plan/types.js';
import type { FusedPair, Group } from '../network.js';
import type { Actions } from './actions.js';
import { type ActingGroup, actingGroups, actingLayer, type EpilogueOperands } from './context.js';
import type { LayerEmitter } from './emitter.js';

/**
 * The outputs of the layers of a group, before any epilogue. `write` appends what writes the group's input: once, or once for
 * each layer where these have a cache each.
 */
export function emitGroup(
  emitter: LayerEmitter,
  group: Group,
  actions: Actions,
  write: (input: View) => void,
): View[] {
  return actingGroups(group, emitter.cache, actions).flatMap((acting) => {
    const x = emitInput(emitter, acting, write);
    const y = emitter.emit(acting, x, undefined, { epilogue: 'none' });
    let column = 0;
    return acting.layers.map(({ outputs }) => {
      column += outputs;
      return sliceColumns(y, column - outputs, outputs);
    });
  });
}

/** An MLP: the first layer, GELU, and the second one with `epilogue`; or one operation where both are calibrated as one. */
export function emitMlp(
  emitter: LayerEmitter,
  { name, first, second }: FusedPair,
  actions: Actions,
  write: (input: View) => void,
  out: View,
  epilogue: EpilogueOperands,
): void {
  const isFused = emitter.cache.fused.has(name);
  const [one, two] = [actingLayer(first, actions), actingLayer(second, actions)];
  const x = emitInput(emitter, one, write);
  if (isFused && !one.action.compute && one.action.increment)
    return emitter.emitPair(name, one, two, x, out, epilogue);
  // Of a fused pair the increment of the second's input comes from what the first gave: only the output is stored.
  const last = isFused ? withoutInput(two) : two;
  const hidden = emitter.input(last);
  emitter.emit(one, x, hidden, { epilogue: 'gelu' });
  emitter.emit(last, hidden, out, epilogue);
}

function emitInput(emitter: LayerEmitter, acting: ActingGroup, write: (input: View) => void): View {
  const x = emitter.input(acting);
  emitter.builder.layer(acting.name);
  write(x);
  return x;
}

function withoutInput(group: ActingGroup): ActingGroup {
  const { action } = group;
  if (!action.compute || !action.keep) return group;
  return { ...group, action: { compute: true, keep: { ...action.keep, input: false } } };
}
