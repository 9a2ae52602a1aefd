import { dot } from '../../dot.js';
import { get, set } from './matrix.js';
import type { Operands } from './operands.js';

export function attention(m: Operands<'attention'>): void {
  const images = m.q.rows / m.queryLength;
  for (let image = 0; image < images; image++) {
    const keys = m.keyLengths ? get(m.keyLengths, image, 0) : m.keyLength;
    for (let head = 0; head < m.heads; head++)
      for (let query = 0; query < m.queryLength; query++)
        attend(m, image, head, query, m.mask === 'causal' ? Math.min(keys, query + 1) : keys);
  }
}

/** One query of one head over the first keys of its image. */
function attend(m: Operands<'attention'>, image: number, head: number, query: number, keys: number): void {
  const row = image * m.queryLength + query;
  const firstKey = image * m.keyLength;
  const width = m.q.columns / m.heads;
  const first = head * width;
  const weights = new Float64Array(keys);
  let largest = Number.NEGATIVE_INFINITY;
  const { q, k, v } = m;
  const queryAt = q.offset + row * q.stride + first;
  for (let key = 0; key < keys; key++) {
    const keyAt = k.offset + (firstKey + key) * k.stride + first;
    weights[key] = m.scale * dot(q.data, queryAt, k.data, keyAt, width);
    if (m.bias) weights[key]! += get(m.bias, head * m.queryLength + query, key);
    if (m.keyBias) weights[key]! += get(m.keyBias, image, key);
    largest = Math.max(largest, weights[key]!);
  }
  let total = 0;
  for (let key = 0; key < keys; key++) {
    weights[key] = Math.exp(weights[key]! - largest);
    total += weights[key]!;
  }
  const sums = new Float64Array(width);
  for (let key = 0; key < keys; key++) {
    const valueAt = v.offset + (firstKey + key) * v.stride + first;
    for (let d = 0; d < width; d++) sums[d]! += weights[key]! * v.data[valueAt + d]!;
  }
  for (let d = 0; d < width; d++) set(m.out, row, first + d, sums[d]! / total);
}
