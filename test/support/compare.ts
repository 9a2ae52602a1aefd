import assert from 'node:assert/strict';

/** |a - b| / |b|, both taken as vectors. */
export function relativeL2(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  assert.equal(actual.length, expected.length, 'lengths differ');
  let difference = 0;
  let norm = 0;
  for (let i = 0; i < expected.length; i++) {
    difference += (actual[i]! - expected[i]!) ** 2;
    norm += expected[i]! ** 2;
  }
  return norm === 0 ? Math.sqrt(difference) : Math.sqrt(difference / norm);
}

/** Fails unless `actual` is within `tolerance` of `expected` in relative L2; NaN fails too. */
export function assertClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  what: string,
): void {
  const error = relativeL2(actual, expected);
  assert.ok(error <= tolerance, `${what}: relative L2 error ${error} exceeds ${tolerance}`);
}
