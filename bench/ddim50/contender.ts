import type { LoopName } from '../loops.js';

/** Something that takes the steps of the run. */
export interface RunContender {
  readonly name: string;
  readonly threads: number;
  readonly isPeer: boolean;
  /** Name of the full run that one with a cache replaces; none of a full one. */
  readonly replaces?: string | undefined;
  readonly loop: LoopName;
  /** Of the matrix products of the whole run. */
  readonly flops: number;
  /** What each step runs, as a number a plan: steps of one number cost the same. */
  readonly planOfStep: readonly number[];
  /** The largest relative L2 error of its prediction that its arithmetic explains. */
  readonly tolerance: number;
  /** Takes so many steps of the run, from its first on, and returns the milliseconds of each. */
  take(steps: number): Promise<number[]>;
  /** The network's output at the second step: sequences x out channels x height x width. */
  prediction(): Promise<Float32Array>;
}

/** Contenders that share a device or a session, which go when it is disposed. */
export interface Opened extends AsyncDisposable {
  readonly name: string;
  readonly contenders: readonly RunContender[];
}

/** Of predictions, after all blocks. */
export const TOLERANCE = { f32: 1e-4, bf16: 5e-2 } as const;
