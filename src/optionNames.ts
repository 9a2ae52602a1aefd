/** Options by name: TypeScript refuses an unknown one where it is written, this does so for JavaScript. */
import { editDistance } from './editDistance.js';
import { ArgumentError, requireObject } from './errors.js';

/** All names of an interface of options, which TypeScript keeps complete. */
export type OptionNames<T> = Readonly<Record<keyof Required<T>, true>>;

/** What people of other libraries write, without case and punctuation. */
const ALIASES: Readonly<Record<string, string>> = {
  cfg: 'guidanceScale',
  cfgscale: 'guidanceScale',
  guidance: 'guidanceScale',
  inferencesteps: 'steps',
  numinferencesteps: 'steps',
  numsteps: 'steps',
  scheduler: 'sampler',
  classes: 'labels',
  classlabels: 'labels',
  batchsize: 'batch',
  dtype: 'weights',
  precision: 'weights',
  device: 'backend',
};

/**
 * Throws an `ArgumentError` unless `options` is an object all of whose fields are among `names`; it suggests the nearest
 * name. A field that is undefined counts as one that is absent, but its name must be right too.
 */
export function requireOptions(
  argument: string,
  options: unknown,
  names: Readonly<Record<string, true>>,
): void {
  requireObject(argument, options, 'an object of options');
  const unknown = Object.keys(options).find((name) => !Object.hasOwn(names, name));
  if (unknown === undefined) return;
  const known = Object.keys(names);
  const near = nearestName(unknown, known);
  throw new ArgumentError(
    `a name in ${argument}`,
    unknown,
    near === undefined ? `one of ${known.join(', ')}` : `${near}, or another of its options`,
  );
}

/** The fields of `options` that are among `names`. */
export function pickOptions<T extends object>(options: T, names: Readonly<Record<string, true>>): T {
  return Object.fromEntries(Object.entries(options).filter(([name]) => Object.hasOwn(names, name))) as T;
}

/** The known name that was most likely meant, if any is like it. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  const plain = plainName(name);
  const alias = ALIASES[plain];
  if (alias !== undefined) {
    const found = known.find((candidate) => plainName(candidate) === plainName(alias));
    if (found !== undefined) return found;
  }
  const distances = known.map((candidate) => ({
    candidate,
    distance: editDistance(plain, plainName(candidate)),
  }));
  const best = distances.sort((a, b) => a.distance - b.distance)[0];
  if (best && best.distance <= Math.max(1, Math.floor(plain.length / 3))) return best.candidate;
  return known.find((candidate) => plain.length > 3 && plainName(candidate).startsWith(plain));
}

function plainName(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '');
}
