/** T5's relative positions: every head adds to a score a number that depends on the distance of key and query (Raffel et al., 2020, 2.1). */
import type { T5Config } from './config.js';

/**
 * The bucket of a distance, key - query: half of the buckets are of keys behind the query; in each half the first half are of
 * one distance each, the others grow by the logarithm up to `maxDistance`. In float32, as transformers computes it.
 */
export function bucketOf(
  distance: number,
  { buckets, maxDistance }: Pick<T5Config, 'buckets' | 'maxDistance'>,
): number {
  const half = Math.floor(buckets / 2);
  const side = distance > 0 ? half : 0;
  const exact = Math.floor(half / 2);
  const size = Math.abs(distance);
  if (size < exact) return side + size;
  const { fround } = Math;
  const growth = fround(
    fround(Math.log(fround(size / exact))) / fround(Math.log(fround(maxDistance / exact))),
  );
  return side + Math.min(half - 1, exact + Math.trunc(fround(growth * (half - exact))));
}

/**
 * The bias of `length` queries and keys, (heads * length) x length.
 * @param table buckets x heads, of the checkpoint
 */
export function positionBias(table: Float32Array, config: T5Config, length: number): Float32Array {
  const { heads } = config;
  // Row of the table by distance, from -(length - 1).
  const rows = Int32Array.from(
    { length: 2 * length - 1 },
    (_, i) => bucketOf(i - (length - 1), config) * heads,
  );
  const bias = new Float32Array(heads * length * length);
  let at = 0;
  for (let head = 0; head < heads; head++)
    for (let query = 0; query < length; query++)
      for (let key = 0; key < length; key++) bias[at++] = table[rows[key - query + length - 1]! + head]!;
  return bias;
}
