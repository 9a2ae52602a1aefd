/** The clock of the core that this runs on, by how long a chain of multiplications takes: systems tell, if at all, a nominal one. */

/** A multiplication and an addition that each wait for the one before: 3 and 1 cycles on the cores of today. */
const CYCLES = 4;
const STEPS = 100_000;
/** The fastest counts: in none of the others was the core ours alone. */
const TRIES = 40;

/** In MHz. */
export function clockSeen(): number {
  let [best, value] = [Number.POSITIVE_INFINITY, 0];
  for (let i = 0; i < TRIES; i++) {
    const start = performance.now();
    // Each goes on from the one before: a loop whose value nobody takes would be dropped.
    value = chain(value);
    best = Math.min(best, performance.now() - start);
  }
  return Math.round((CYCLES * STEPS) / best / 1e3);
}

function chain(seed: number): number {
  let value = seed;
  for (let i = 0; i < STEPS; i++) value = (Math.imul(value, 0x5bd1e995) + i) | 0;
  return value;
}
