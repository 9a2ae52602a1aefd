/** The devices that the kernels are timed on. */
import type { Device, DeviceOptions } from '../src/backend/backend.js';
import type { NativeDevice } from '../src/backend/native/device.js';
import { nativeBackend } from '../src/backend/native/index.js';
import { openWasmDevice } from '../src/backend/wasm/device.js';
import { detectFeatures } from '../src/backend/wasm/features.js';
import type { Contender } from './measure.js';
import { nativePeakLoop, peakLoop } from './peak.js';

export interface Build {
  readonly name: string;
  /** The kernels' kind: builds of one family are held against one multiply-add loop. */
  readonly family: string;
  /** Makes the loop that the build is held against. */
  readonly loop: () => Contender;
  readonly device: Device;
  readonly options: Required<DeviceOptions>;
}

/** Opens a device for every build and mode that this engine and this machine have. */
export async function openBuilds(): Promise<Build[]> {
  return [...(await wasmBuilds()), ...(await nativeBuilds())];
}

async function wasmBuilds(): Promise<Build[]> {
  const features = detectFeatures();
  const builds: Build[] = [];
  for (const family of features.relaxed ? (['simd', 'relaxed'] as const) : (['simd'] as const))
    for (const options of [
      { threads: 1, weights: 'f32' },
      { threads: 2, weights: 'f32' },
      { threads: 1, weights: 'int8' },
    ] as const) {
      const device = await openWasmDevice(options, {
        features: { ...features, relaxed: family === 'relaxed' },
      });
      await device.pool?.ready();
      builds.push({
        name: nameOf(family, options),
        family,
        loop: () => peakLoop(family),
        device,
        options,
      });
    }
  return builds;
}

async function nativeBuilds(): Promise<Build[]> {
  if (!nativeBackend.status().available) return [];
  const builds: Build[] = [];
  for (const weights of ['f32', 'bf16'] as const)
    for (const threads of [1, 2]) {
      const options = { threads, weights };
      const device = await openNative(options);
      const family = `${device.instructionSet} ${weights}`;
      builds.push({
        name: nameOf(device.instructionSet, options),
        family,
        loop: () => nativePeakLoop(device, weights),
        device,
        options,
      });
    }
  return builds;
}

async function openNative(options: DeviceOptions): Promise<NativeDevice> {
  return (await nativeBackend.open(options)) as NativeDevice;
}

function nameOf(kernels: string, { threads, weights }: Required<DeviceOptions>): string {
  return `${kernels} ${weights}, ${threads} ${threads === 1 ? 'thread' : 'threads'}`;
}
