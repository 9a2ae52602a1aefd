/** What two runs must have in common to use the same plans. */
import type { FactorSet } from '../cache/data/factorSet.js';
import type { ResolvedOptions } from './options.js';
import { isGuided } from './sequences.js';

/** Numbers of objects that are known by their identity. */
const numbers = new WeakMap<object, number>();
let last = 0;

/** Options that say what is drawn, and not how. */
const DRAWN = [
  'labels',
  'text',
  'pixels',
  'pictureSize',
  'images',
  'each',
  'seed',
  'firstImage',
  'noise',
  'signal',
  'batch',
  'guidanceScale',
  'guidanceChannels',
];

/**
 * A text that is the same where the plans are: of the options, of the `images` of a batch and of the rows that a step
 * takes in the modulation table. Undefined where only a function knows, as with `rule`.
 */
export function sessionKey(
  options: ResolvedOptions,
  images: number,
  rows: number,
  prefixOf: (factors: FactorSet) => string,
): string | undefined {
  const { factors, ...cache } = options.cache;
  const planned = Object.entries(options).filter(([name]) => !DRAWN.includes(name) && name !== 'cache');
  const parts = [images, rows, isGuided(options.guidanceScale), factors && prefixOf(factors), planned, cache];
  let isKnown = true;
  const text = JSON.stringify(parts, (_, value: unknown) => {
    isKnown &&= typeof value !== 'function';
    return textOf(value);
  });
  return isKnown ? text : undefined;
}

/** Lists and plain objects by what they hold, objects of a class by which one it is. */
function textOf(value: unknown): unknown {
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  if (ArrayBuffer.isView(value)) return Array.from(value as unknown as ArrayLike<number>);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  if (Object.getPrototypeOf(value) === Object.prototype) return value;
  if (!numbers.has(value)) numbers.set(value, ++last);
  return `object ${numbers.get(value)}`;
}
