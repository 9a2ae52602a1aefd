/** How what all blocks add changes in size from step to step, as MagCache goes by. */
import { StepNetwork, type Trajectory } from './stepwise.js';

/** State in which a step keeps what its blocks have added, for a policy that might leave all of them out. */
const ADDED = 'cache.sections.0.added';

/**
 * The mean over tokens of |r(t)| / |r(t - 1)|, r what all blocks add to the residual stream and |.| the 2-norm over its channels; 1 at
 * step 0. Samples the trajectory, which is to be a new one.
 */
export async function measureMagnitudes(
  trajectory: Trajectory,
  onStep: (() => void) | undefined,
): Promise<number[]> {
  using network = await StepNetwork.create(trajectory, { policy: 'teacache', threshold: 0 }, 1);
  const magnitudes: number[] = [];
  let before: Float64Array | undefined;
  await trajectory.sample(network, async () => {
    const own = rowNorms(await network.session.read(ADDED), network.session.columns(ADDED));
    magnitudes.push(before ? meanRatio(own, before) : 1);
    before = own;
    onStep?.();
  });
  return magnitudes;
}

function rowNorms(values: Float32Array, columns: number): Float64Array {
  return Float64Array.from({ length: values.length / columns }, (_, row) => {
    const own = values.subarray(row * columns, (row + 1) * columns);
    return Math.sqrt(own.reduce((sum, value) => sum + value ** 2, 0));
  });
}

/** Tokens to which nothing was added have no ratio. */
function meanRatio(own: Float64Array, before: Float64Array): number {
  const ratios = [...own.keys()].filter((row) => before[row]! > 0).map((row) => own[row]! / before[row]!);
  return ratios.length > 0 ? ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length : 1;
}
