/** Rounding to the element type of a buffer. */
import type { BufferType } from '../plan/types.js';
import { roundBf16 } from './bf16.js';
import { roundF16 } from './f16.js';

/** The function that rounds float32 to what a 16-bit buffer of this type holds; undefined for the other types. */
export function rounding(type: BufferType): ((value: number) => number) | undefined {
  if (type === 'bf16') return roundBf16;
  return type === 'f16' ? roundF16 : undefined;
}
