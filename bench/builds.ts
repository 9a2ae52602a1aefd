/** The devices that the kernels are timed on. */
import type { Device, DeviceOptions } from '../src/backend/backend.js';
import { openWasmDevice } from '../src/backend/wasm/device.js';
import { detectFeatures } from '../src/backend/wasm/features.js';

export interface Build {
  readonly name: string;
  /** Which multiply-add loop it is held against. */
  readonly peak: 'simd' | 'relaxed';
  readonly device: Device;
  readonly options: Required<DeviceOptions>;
}

/** Opens a device for every build and mode that this engine has. */
export async function openBuilds(): Promise<Build[]> {
  const features = detectFeatures();
  const builds: Build[] = [];
  for (const peak of features.relaxed ? (['simd', 'relaxed'] as const) : (['simd'] as const))
    for (const options of [
      { threads: 1, weights: 'f32' },
      { threads: 2, weights: 'f32' },
      { threads: 1, weights: 'int8' },
    ] as const) {
      const device = await openWasmDevice(options, {
        features: { ...features, relaxed: peak === 'relaxed' },
      });
      await device.pool?.ready();
      const { threads, weights } = options;
      const name = `${peak} ${weights}, ${threads} ${threads === 1 ? 'thread' : 'threads'}`;
      builds.push({ name, peak, device, options });
    }
  return builds;
}
