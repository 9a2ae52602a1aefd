/** PyTorch as a peer. */
import type { Absent } from '../peer.js';
import { openTorch } from '../torch/process.js';
import { type BlockContender, TOLERANCE } from './contender.js';
import { blockFlops } from './ours.js';
import type { BlockProblem } from './problem.js';

export async function torchBlock(
  problem: BlockProblem,
  threads: number,
  precision: 'f32' | 'bf16',
): Promise<BlockContender | Absent> {
  const { images, config, weights, x, modulation } = problem;
  const tensors = new Map([...weights, ['x', x], ['modulation', modulation]]);
  const torch = await openTorch(tensors, {
    what: 'block',
    images,
    heads: config.heads,
    threads,
    precision,
  });
  if (typeof torch === 'string') return { name: `PyTorch ${precision}`, absent: torch };
  const { version, timedRun, output, dispose } = torch;
  return {
    name: `PyTorch ${version} ${precision}`,
    threads,
    loop: `native ${precision}`,
    flops: blockFlops(problem, 'compute'),
    tolerance: TOLERANCE[precision],
    timedRun,
    run: async () => {
      await timedRun();
    },
    output,
    dispose,
  };
}
