/** What an operation of a plan becomes: a code, a number of tiles, arguments, and the scratch its kernel needs. */
import { OP_NAMES } from '../../plan/schema.js';
import type { Op, View } from '../../plan/types.js';

/** Places in this list are the codes of `assembly/kernels.ts`. */
const KERNELS = [...OP_NAMES, 'linearInt8'] as const;

export type Kernel = (typeof KERNELS)[number];

/** A 32-bit word of an argument structure, or a structure of its own whose address is put there. */
export type Word = number | readonly Word[];

export interface Operation {
  readonly kernel: Kernel;
  /** Tiles of work: what threads take one at a time. */
  readonly tiles: number;
  /** In the order of the kernel's argument class. */
  readonly words: readonly Word[];
  /** Bytes of scratch a thread needs. Default: none. */
  readonly scratchBytes?: number;
}

/** What encoding an operation needs to know of the device and of where the plan's buffers lie. */
export interface Placement {
  readonly threads: number;
  /** Rows of the micro-kernel's strips. */
  readonly strip: number;
  /** Address of the first element of a view. */
  address(view: View): number;
  /** Bytes from one row of a view to the next. */
  stride(view: View): number;
  /** Address of a weight in panels of eight output channels; of filters with so many places (`packPanels`). */
  panels(view: View, taps?: number): number;
  /** Address of a weight in 8-bit panels, its scales behind them; undefined when it is kept in float32. */
  quantized(op: Op): { readonly panels: number; readonly scales: number } | undefined;
}

export function codeOf(kernel: Kernel): number {
  return KERNELS.indexOf(kernel);
}

/** Address and stride of a view; zeros where it is absent. */
export function matrix(view: View | undefined, at: Placement): [number, number] {
  return view ? [at.address(view), at.stride(view)] : [0, 0];
}

/** Address of a vector, 0 where it is absent. */
export function vector(view: View | undefined, at: Placement): number {
  return view ? at.address(view) : 0;
}

/** The bits of a float32. */
export function floatWord(value: number): number {
  return new Uint32Array(Float32Array.of(value).buffer)[0]!;
}

/** The bits of float64s, low word first. */
export function doubleWords(values: readonly number[]): number[] {
  return [...new Uint32Array(Float64Array.from(values).buffer)];
}
