/** The multiply-add loop of each kind of code: what its arithmetic alone allows on one thread. */
import { NativeDevice } from '../src/backend/native/device.js';
import { nativeBackend } from '../src/backend/native/index.js';
import { detectFeatures } from '../src/backend/wasm/features.js';
import type { Contender } from '../src/bench/measure.js';
import { nativePeakLoop, peakLoop } from '../src/bench/peak.js';

export type LoopName = 'wasm' | 'native f32' | 'native bf16';

export type Loops = Readonly<Partial<Record<LoopName, Contender>>>;

/** Those there are: without the native addon, native code has nothing to be held against. */
export async function openLoops(): Promise<Loops> {
  const wasm = peakLoop(detectFeatures().relaxed ? 'relaxed' : 'simd');
  if (!nativeBackend.status().available) return { wasm };
  const device = await nativeBackend.open({ threads: 1 });
  if (!(device instanceof NativeDevice)) return { wasm };
  return {
    wasm,
    'native f32': nativePeakLoop(device, 'f32'),
    'native bf16': nativePeakLoop(device, 'bf16'),
  };
}
