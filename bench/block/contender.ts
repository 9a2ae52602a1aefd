import type { Contender } from '../../src/bench/measure.js';
import type { LoopName } from '../loops.js';

/** Something that computes the block. */
export interface BlockContender extends Contender {
  readonly threads: number;
  /** Name of the full block that a calibrated one replaces; none of a full one. */
  readonly replaces?: string | undefined;
  /** The multiply-add loop that it is held against (`loops.ts`). */
  readonly loop: LoopName;
  /** Whether one run takes so long that it is timed once, after the others had their rounds. */
  readonly isSlow?: boolean;
  /** The largest relative L2 error of its output that its arithmetic explains. */
  readonly tolerance: number;
  /** Computes the block once on the problem's own inputs: images * tokens x hidden. */
  output(): Promise<Float32Array>;
  dispose(): Promise<void>;
}

export const TOLERANCE = { f32: 1e-4, bf16: 2e-2 } as const;
