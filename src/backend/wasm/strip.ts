/**
 * The choice of the micro-kernel's rows. Which of them is fastest depends on how the engine allots
 * registers; which is chosen changes no bit of any result.
 */

import type { KernelExports } from './instantiate.js';
import type { DeviceMemory } from './memory.js';

const CHOICES = [4, 5, 6] as const;
const DEPTH = 256;
/** Multiplications a measurement, where the clock is fine. */
const CALLS = 12;
/** A measurement takes at least so many ticks of the clock, which a page may see in steps of 0.1 ms. */
const TICKS = 10;
const MOST_CALLS = 4096;
/** Milliseconds of measuring; the first half also gives the optimising compiler time to finish. */
const BUDGET = 10;

const chosen = new WeakMap<WebAssembly.Module, number>();

/** Rows of a strip, measured once for each module of the process. */
export function chooseStrip(build: WebAssembly.Module, kernels: KernelExports, memory: DeviceMemory): number {
  let rows = chosen.get(build);
  if (rows === undefined) {
    rows = fastest(kernels, memory);
    chosen.set(build, rows);
  }
  return rows;
}

/** The rows with the least time a row, each at its best of interleaved measurements. */
function fastest(kernels: KernelExports, memory: DeviceMemory): number {
  const floats = (6 + 8) * DEPTH + 64;
  const address = memory.allocate(floats * 4);
  memory.floats(address, floats).fill(0);
  const panel = address + 6 * DEPTH * 4;
  const tile = panel + 8 * DEPTH * 4;
  let calls = CALLS;
  const measure = (rows: number) => {
    const start = performance.now();
    for (let i = 0; i < calls; i++) kernels.multiplyStrips(address, rows, DEPTH, rows, panel, tile, 0);
    return (performance.now() - start) / rows;
  };
  for (const least = TICKS * clockTick(); calls < MOST_CALLS && 4 * measure(4) < least; ) calls *= 2;
  const best = new Map<number, number>(CHOICES.map((rows) => [rows, Number.POSITIVE_INFINITY]));
  const end = performance.now() + BUDGET;
  while (performance.now() < end)
    for (const rows of CHOICES) best.set(rows, Math.min(best.get(rows)!, measure(rows)));
  memory.free(address);
  return [...best].reduce((a, b) => (b[1] < a[1] ? b : a))[0];
}

/** Milliseconds of a step of the clock. */
function clockTick(): number {
  const start = performance.now();
  let now = start;
  while (now === start) now = performance.now();
  return now - start;
}
