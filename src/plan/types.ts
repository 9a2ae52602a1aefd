/**
 * A plan is data: a flat list of fused operations over numbered two-dimensional buffers. It can be
 * printed, counted, checked, saved to a file and run by any backend. Nothing in it knows about caching:
 * a cache is a buffer of role `state` that outlives a run, written by one plan and read by another.
 */

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
 * scale a row. See `src/backend/e4m3.ts`.
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

/** A rectangle of a buffer: `rows` x `columns` from (`row`, `column`). Its row stride is the buffer's columns. */
export interface View {
  readonly buffer: number;
  readonly row: number;
  readonly rows: number;
  readonly column: number;
  readonly columns: number;
}

/** What a linear does with its product before it is written. */
export type Epilogue = 'none' | 'gelu' | 'silu' | 'gateResidual';

/**
 * The epilogue's operands. With `gateResidual` the output is residual + gate * y; `gate` has one row an
 * image and `residual` one row a token. `gelu` is the tanh form.
 */
interface EpilogueOperands {
  readonly epilogue: Epilogue;
  readonly gate?: View;
  readonly residual?: View;
}

/** out = epilogue(x W^T + bias). x: M x K, weight: N x K, bias: 1 x N, out: M x N. */
export interface LinearOp extends EpilogueOperands {
  readonly op: 'linear';
  readonly x: View;
  readonly weight: View;
  readonly bias?: View;
  /** M x N: receives y before the epilogue (what a cache stores). The epilogue then takes y as it was stored. */
  readonly store?: View;
  readonly out: View;
}

/** One low-rank pair of a calibrated linear. down (Wb): r x K, up (Wa): n x r. */
export interface FactorPair {
  readonly down: View;
  readonly up: View;
}

/**
 * out = epilogue(C(y) + Wa (Wb (x - C(x)))), increment-calibrated caching (METHOD: Cache and schedule).
 *
 * Output columns are those of the pairs one after another, so a fused qkv has three pairs, whose ranks may
 * differ. Exactly one of the two forms of the cached input is given:
 * - input form, `cachedInput` = C(x): M x K; x is rounded to its type before the difference is taken, so that an
 *   unchanged x gives C(y)
 * - rank form, `cachedHidden` = Wb C(x): M x (sum of the ranks); out = epilogue(C(y) + Wa (Wb x - h))
 */
export interface CalibratedLinearOp extends EpilogueOperands {
  readonly op: 'calibratedLinear';
  readonly x: View;
  readonly cachedInput?: View;
  readonly cachedHidden?: View;
  /** C(y), M x N: the stored output, its bias inside. */
  readonly cachedOutput: View;
  readonly factors: readonly FactorPair[];
  readonly out: View;
}

/**
 * A scattered MLP in one pass: fc1, GELU and fc2 of increment-calibrated caching, so that what lies between need not
 * be stored:
 *
 *     y1 = C(y1) + Wa1 (Wb1 (x - C(x)))
 *     out = epilogue(C(y2) + Wa2 (Wb2 (gelu(y1) - gelu(C(y1)))))
 *
 * fc2's cached input is gelu(C(y1)), which costs less to make again than to keep. The cached input of fc1 has the two
 * forms of `calibratedLinear`.
 */
export interface CalibratedMlpOp extends EpilogueOperands {
  readonly op: 'calibratedMlp';
  /** M x K. */
  readonly x: View;
  /** Input form, M x K. */
  readonly cachedInput?: View;
  /** Rank form, M x r1. */
  readonly cachedHidden?: View;
  /** C(y1), M x H: what fc1 gave, its bias inside, before GELU. */
  readonly cachedPreActivation: View;
  /** C(y2), M x N. */
  readonly cachedOutput: View;
  /** Two: of fc1 (down: r1 x K, up: H x r1) and of fc2 (down: r2 x H, up: N x r2). */
  readonly factors: readonly FactorPair[];
  readonly out: View;
}

/**
 * out = softmax(scale q k^T) v, for each image and head.
 * q, out: (images * queryLength) x (heads * headDim); k, v: (images * keyLength) x (heads * headDim).
 */
export interface AttentionOp {
  readonly op: 'attention';
  readonly q: View;
  readonly k: View;
  readonly v: View;
  readonly heads: number;
  readonly queryLength: number;
  readonly keyLength: number;
  readonly scale: number;
  /** i32, images x 1, each from 1 to keyLength: keys from this place on are not attended to. */
  readonly keyLengths?: View;
  readonly out: View;
}

/** out = LN(x) (1 + scale) + shift. LN over columns, no affine part; shift and scale have one row an image. */
export interface LayerNormModulateOp {
  readonly op: 'layerNormModulate';
  readonly x: View;
  readonly shift: View;
  readonly scale: View;
  readonly epsilon: number;
  readonly out: View;
}

/** Geometry of the token grid of an image. */
interface PatchGeometry {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly patch: number;
}

/** x: images x (channels*height*width) -> out: tokens x (channels*patch*patch), each token (channel, p, q). */
export interface PatchifyOp extends PatchGeometry {
  readonly op: 'patchify';
  readonly x: View;
  readonly out: View;
}

/** x: tokens x (patch*patch*channels), each token (p, q, channel) -> out: images x (channels*height*width). */
export interface UnpatchifyOp extends PatchGeometry {
  readonly op: 'unpatchify';
  readonly x: View;
  readonly out: View;
}

/** x: n x 1 timesteps -> out: n x D, [cos, sin] of t exp(-ln(maxPeriod) i / (D/2)). D is even. */
export interface TimestepEmbeddingOp {
  readonly op: 'timestepEmbedding';
  readonly x: View;
  readonly maxPeriod: number;
  readonly out: View;
}

/** out[i] = table[index[i]]. index: i32, n x 1, each a row of the table. */
export interface GatherRowsOp {
  readonly op: 'gatherRows';
  readonly table: View;
  readonly index: View;
  readonly out: View;
}

/** out[i] = x[i] + y[i mod rows of y]: y is repeated down the rows of x. */
export interface AddOp {
  readonly op: 'add';
  readonly x: View;
  readonly y: View;
  readonly out: View;
}

/** out = x sigmoid(x). */
export interface SiluOp {
  readonly op: 'silu';
  readonly x: View;
  readonly out: View;
}

/** out = 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))). */
export interface GeluOp {
  readonly op: 'gelu';
  readonly x: View;
  readonly out: View;
}

/** out = residual + gate * x; gate has one row an image. What remains of a sublayer that is reused. */
export interface GateResidualOp {
  readonly op: 'gateResidual';
  readonly x: View;
  readonly gate: View;
  readonly residual: View;
  readonly out: View;
}

/** out = mean over an image's tokens of |x - previous|. x, previous: tokens x C; out: images x C. */
export interface ChannelStatisticsOp {
  readonly op: 'channelStatistics';
  readonly x: View;
  readonly previous?: View;
  readonly out: View;
}

/** out = d^T d with d = x - previous, summed over all rows. x, previous: M x C; out: C x C. */
export interface SecondMomentOp {
  readonly op: 'secondMoment';
  readonly x: View;
  readonly previous?: View;
  readonly out: View;
}

/** One x, of the shape of the result, with its factor. */
export interface Term {
  readonly x: View;
  readonly coefficient: number;
}

/** out = sum of coefficient * x over 1 to 4 terms, each of the shape of out. Coefficients act as float32. */
export interface LinearCombinationOp {
  readonly op: 'linearCombination';
  readonly terms: readonly Term[];
  readonly out: View;
}

/**
 * out (1 x 1) = |x - previous| / |previous|, with the sum of absolute values (`norm` 1) or the root of the sum of squares
 * (`norm` 2, Frobenius) of all elements. x, previous: M x C; x is rounded to the type of previous before the difference is
 * taken. 0 where x and previous are the same, whatever they are; infinite where only previous is all zeros.
 */
export interface RelativeDistanceOp {
  readonly op: 'relativeDistance';
  readonly x: View;
  readonly previous: View;
  readonly norm: number;
  readonly out: View;
}

export type Op =
  | LinearOp
  | CalibratedLinearOp
  | CalibratedMlpOp
  | AttentionOp
  | LayerNormModulateOp
  | PatchifyOp
  | UnpatchifyOp
  | TimestepEmbeddingOp
  | GatherRowsOp
  | AddOp
  | SiluOp
  | GeluOp
  | GateResidualOp
  | ChannelStatisticsOp
  | SecondMomentOp
  | LinearCombinationOp
  | RelativeDistanceOp;

export type OpName = Op['op'];

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
