/** Which dictionary of a checkpoint holds the weights: training code puts it beside optimizers, epochs and settings. */
import { ArgumentError } from '../../errors.js';
import { describePickled, PickledName, PickledObject } from './pickleValues.js';
import { PickledTensor } from './torchPickle.js';

export interface StateDict {
  readonly tensors: ReadonlyMap<string, PickledTensor>;
  /** Said to a person where there was a choice. */
  readonly note?: string;
}

/** Averaged weights come first: they are what is sampled with. Then the names that trainers give to the others. */
const KNOWN_KEYS = [
  'ema',
  'ema_state_dict',
  'model_ema',
  'ema_model',
  'state_dict_ema',
  'params_ema',
  'module_ema',
  'model',
  'state_dict',
  'model_state_dict',
  'module',
  'net',
  'network',
  'params',
  'weights',
  'generator',
];

/** Dictionaries are looked for so deep: `{ema: {module: {...}}}`. */
const DEPTH = 3;

/** More dictionaries than this in a file are not looked at. */
const MOST_CANDIDATES = 64;

/**
 * Finds the weights in what a pickle holds. `weightsKey` names their dictionary (with dots for one inside another).
 * Calls `refuse` when there are none, throws an `ArgumentError` for a key that leads to none or when several would do.
 */
export function findStateDict(
  root: unknown,
  weightsKey: string | undefined,
  refuse: (problem: string) => never,
): StateDict {
  const candidates = new Map<string, ReadonlyMap<string, PickledTensor>>();
  collect(root, '', DEPTH, candidates);
  const nested = [...candidates.keys()].filter((key) => key !== '');
  if (weightsKey !== undefined) {
    const tensors = candidates.get(weightsKey);
    if (tensors) return { tensors };
    throw new ArgumentError(
      'weightsKey',
      weightsKey,
      nested.length
        ? `one of ${nested.join(', ')}`
        : 'no key, because the file has its weights at the top, not in a dictionary',
    );
  }
  if (candidates.size === 0) return refuse(withoutWeights(root));
  const chosen = choose(candidates, nested);
  const others = nested.filter((key) => key !== chosen);
  const note = `took the weights in '${chosen}'; ${others.map((key) => `'${key}'`).join(', ')} can be chosen by weightsKey (--weights-key on the command line)`;
  return { tensors: candidates.get(chosen)!, ...(chosen !== '' && others.length > 0 && { note }) };
}

function choose(candidates: ReadonlyMap<string, unknown>, nested: readonly string[]): string {
  for (const known of KNOWN_KEYS) {
    const found = nested.find((key) => key === known || key.startsWith(`${known}.`));
    if (found !== undefined) return found;
  }
  if (candidates.has('')) return '';
  if (nested.length === 1) return nested[0]!;
  throw new ArgumentError('weightsKey', undefined, `one of ${nested.join(', ')}, which all hold tensors`);
}

/** Every dictionary from texts to at least one tensor, by the path that leads to it. */
function collect(
  value: unknown,
  path: string,
  depth: number,
  found: Map<string, ReadonlyMap<string, PickledTensor>>,
): void {
  if (!(value instanceof Map) || found.size >= MOST_CANDIDATES) return;
  const tensors = new Map<string, PickledTensor>();
  const dictionaries: [string, Map<unknown, unknown>][] = [];
  for (const [key, item] of value) {
    if (typeof key !== 'string') continue;
    if (item instanceof PickledTensor) tensors.set(key, item);
    else if (item instanceof Map && dictionaries.length < MOST_CANDIDATES) dictionaries.push([key, item]);
  }
  if (tensors.size > 0) found.set(path, tensors);
  if (depth > 1)
    for (const [key, item] of dictionaries)
      collect(item, path === '' ? key : `${path}.${key}`, depth - 1, found);
}

function withoutWeights(root: unknown): string {
  if (root instanceof PickledTensor) return 'it holds a single tensor; expected a dictionary of them';
  if (root instanceof PickledObject && root.type instanceof PickledName)
    return `it holds an object of ${root.type}, which only its own code can read; expected the dictionary that state_dict() gives`;
  return `it holds ${describePickled(root)} without tensors; expected a dictionary of them`;
}
