/**
 * Milliseconds of a whole run by those of its first steps: of the first step, which has the conditioning of all in it and
 * finds the caches cold, once, and of every other the mean of those that ran the same plan. Of all steps it is their sum.
 * Throws where a plan of the run is not among the steps after the first.
 */
export function wholeRun(times: readonly number[], planOfStep: readonly number[]): number {
  const others = planOfStep.slice(1);
  const sums = new Map<number, { sum: number; count: number }>();
  for (const [i, time] of times.slice(1).entries()) {
    const { sum, count } = sums.get(others[i]!) ?? { sum: 0, count: 0 };
    sums.set(others[i]!, { sum: sum + time, count: count + 1 });
  }
  return others.reduce((total, plan, i) => {
    const mean = sums.get(plan);
    if (!mean)
      throw new RangeError(`step ${i + 1} runs plan ${plan}, which the ${times.length} steps taken do not`);
    return total + mean.sum / mean.count;
  }, times[0]!);
}
