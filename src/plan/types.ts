/**
 * A plan is data: a flat list of fused operations over numbered two-dimensional buffers. It can be
 * printed, counted, checked, saved to a file and run by any backend. Nothing in it knows about caching:
 * a cache is a buffer of role `state` that outlives a run, written by one plan and read by another.
 */

import type { Op, OpOf } from './schema.js';

export const FLOAT_TYPES = ['f32', 'bf16', 'f16'] as const;

/**
 * Element type of activations and caches. A value written to a `bf16` or `f16` buffer is rounded to the nearest
 * bfloat16 or float16, ties to even (float16 becomes infinite from 65,520 on); a value read from it is widened. Only
 * `state` and `temporary` buffers may be 16-bit, and those of one operation are of one type.
 */
export type FloatType = (typeof FLOAT_TYPES)[number];

export const ROW_SCALED_TYPES = ['e4m3'] as const;

/**
 * Element type of a state that only `linearCombination` reads and writes, by whole rows: 8 bits an element, and a float32
 * scale per row. See `src/backend/e4m3.ts`.
 */
export type RowScaledType = (typeof ROW_SCALED_TYPES)[number];

/** Element type of a buffer. `i32` buffers hold indices and lengths only. */
export type BufferType = FloatType | RowScaledType | 'i32';

/**
 * - `weight`: a constant, taken by name from the model's or the factors' tensors
 * - `input`: written by the host before a run
 * - `output`: read by the host after a run
 * - `state`: outlives a run and is shared between plans by name (caches, the modulation table)
 * - `temporary`: lives between its first write and its last read, inside the arena
 */
export type BufferRole = 'weight' | 'input' | 'output' | 'state' | 'temporary';

/** A buffer of `rows` x `columns` elements, row-major and dense. Its id is its place in the buffer table. */
export interface PlanBuffer {
  readonly name: string;
  readonly role: BufferRole;
  readonly type: BufferType;
  readonly rows: number;
  readonly columns: number;
}

/**
 * A rectangle of a buffer: `rows` x `columns` from (`row`, `column`). Its row stride is the buffer's columns. Its rows may be those of
 * `batches` rectangles of as many rows each, which begin `batchStride` rows apart: the tokens of one kind of each image. By default it
 * is one.
 */
export interface View {
  readonly buffer: number;
  readonly row: number;
  readonly rows: number;
  readonly column: number;
  readonly columns: number;
  readonly batches?: number;
  readonly batchStride?: number;
}

export type LinearOp = OpOf<'linear'>;
export type CalibratedLinearOp = OpOf<'calibratedLinear'>;
export type CalibratedMlpOp = OpOf<'calibratedMlp'>;
export type AttentionOp = OpOf<'attention'>;
export type LayerNormModulateOp = OpOf<'layerNormModulate'>;
export type PatchifyOp = OpOf<'patchify'>;
export type UnpatchifyOp = OpOf<'unpatchify'>;
export type TimestepEmbeddingOp = OpOf<'timestepEmbedding'>;
export type GatherRowsOp = OpOf<'gatherRows'>;
export type AddOp = OpOf<'add'>;
export type SiluOp = OpOf<'silu'>;
export type GeluOp = OpOf<'gelu'>;
export type GateResidualOp = OpOf<'gateResidual'>;
export type ChannelStatisticsOp = OpOf<'channelStatistics'>;
export type SecondMomentOp = OpOf<'secondMoment'>;
export type LinearCombinationOp = OpOf<'linearCombination'>;
export type RelativeDistanceOp = OpOf<'relativeDistance'>;
export type ConvolutionOp = OpOf<'convolution'>;
export type NormOp = OpOf<'norm'>;
export type Epilogue = LinearOp['epilogue'];
/** One low-rank pair of a calibrated linear. down (Wb): r x K, up (Wa): n x r. */
export type FactorPair = CalibratedLinearOp['factors'][number];
/** One x, of the shape of the result, with its factor. */
export type Term = LinearCombinationOp['terms'][number];

export type { Op, OpName } from './schema.js';

export interface Plan {
  readonly name: string;
  readonly buffers: readonly PlanBuffer[];
  readonly ops: readonly PlanStep[];
}

/** An operation and the layer of the model it belongs to (`blocks.3.attn.qkv`), for cost tables and messages. */
export interface PlanStep {
  readonly layer: string;
  readonly op: Op;
}

/** Bytes of one element. */
export function elementBytes(type: BufferType): number {
  if (type === 'e4m3') return 1;
  return is16Bit(type) ? 2 : 4;
}

export function is16Bit(type: BufferType): boolean {
  return type === 'bf16' || type === 'f16';
}

/** Bytes of a whole buffer. A row of e4m3 begins with its scale; both are filled to 16 bytes. */
export function bufferBytes({ type, rows, columns }: PlanBuffer): number {
  if (type === 'e4m3') return rows * (16 + 16 * Math.ceil(columns / 16));
  return rows * columns * elementBytes(type);
}
