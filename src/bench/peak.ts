/** The loops of nothing but multiply-adds, as contenders. */
import { readFileSync } from 'node:fs';
import type { Device } from '../backend/backend.js';
import { NativeDevice } from '../backend/native/device.js';
import { detectFeatures } from '../backend/wasm/features.js';
import { packageFile } from '../packageFile.js';
import type { FloatType } from '../plan/types.js';
import type { Contender } from './measure.js';

/** As in `assembly/bench/peak.ts`. */
const FLOPS_A_ROUND = 64;
const ROUNDS = 50_000;
const CALLS = 4;

/** That of a device's kernels and activations on one thread; undefined where there is no such loop. */
export function peakLoopOf(device: Device): Contender | undefined {
  if (device.backend === 'wasm') return peakLoop(detectFeatures().relaxed ? 'relaxed' : 'simd');
  return device instanceof NativeDevice ? nativePeakLoop(device, device.activations) : undefined;
}

export function peakLoop(build: 'simd' | 'relaxed'): Contender {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
  const bytes = readFileSync(packageFile(`dist/wasm/peak-${build}.wasm`));
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } });
  const peak = exports.peak as (rounds: number, factors: number) => number;
  return {
    name: `multiply-add loop, ${build}`,
    flops: FLOPS_A_ROUND * ROUNDS * CALLS,
    run: () => {
      // Several calls: one alone would stay in the baseline compiler's code from its start to its end.
      for (let i = 0; i < CALLS; i++) peak(ROUNDS, 64);
    },
  };
}

/** About 20 ms, not much less than what is held against it: an interruption should be as likely. */
const NATIVE_ROUNDS = 10_000_000;

/** The loop of the native kernels' instruction set, on one thread. */
export function nativePeakLoop(device: NativeDevice, type: FloatType): Contender {
  return {
    name: `multiply-add loop, ${device.instructionSet} ${type}`,
    flops: device.peak(type, 1) * NATIVE_ROUNDS,
    run: () => {
      device.peak(type, NATIVE_ROUNDS);
    },
  };
}
