import { sliceColumns } from '../../src/plan/builder.js';
import type { FloatType, Plan, View } from '../../src/plan/types.js';

/** Runs that time a case: all of them, those of the default run too, or also the quick one. */
export const LEVELS = ['quick', 'default', 'full'] as const;
export type Level = (typeof LEVELS)[number];

/** A plan of one operation to be timed. */
export interface KernelCase {
  readonly kernel: string;
  readonly shape: string;
  /** The shortest run that times it. */
  readonly level: Level;
  /** With activations and caches of the type that a device wants. */
  plan(activations: FloatType): Plan;
  /** The plan that the case replaces. */
  replaces?(activations: FloatType): Plan;
  /** The same for rivals. */
  rival?(): RivalModel;
}

/** An ONNX graph of one input, `x`, of random values, and one output, `y`. */
export interface RivalModel {
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** q, k and v in the columns of one tensor. */
export function thirds(qkv: View): [View, View, View] {
  const width = qkv.columns / 3;
  return [0, 1, 2].map((i) => sliceColumns(qkv, i * width, width)) as [View, View, View];
}
