/** What a browser lets a page have. */
import type { Processors } from '../types.js';

/** More threads than these would be taken from other pages. */
const MOST_THREADS = 8;

/** Where the browser does not say how much memory there is. */
const USUAL_MEMORY_GIB = 8;

export function usableProcessors(): Processors {
  const present = navigator.hardwareConcurrency || 1;
  if (present <= MOST_THREADS) return { count: present, reason: undefined };
  return { count: MOST_THREADS, reason: `${MOST_THREADS} of ${present} processors for a page` };
}

/** Bytes. Browsers round it, and say 8 GiB at most. */
export function totalMemory(): number {
  return (navigator.deviceMemory ?? USUAL_MEMORY_GIB) * 2 ** 30;
}

export function usableMemory(): number {
  return totalMemory();
}

export function whyNoAddressSpace(): string {
  return 'the browser gives this page no memory for WebAssembly; closing other tabs may help';
}
