/** The devices that the kernels are timed on. */
import type { Device, DeviceOptions } from '../src/backend/backend.js';
import type { NativeDevice } from '../src/backend/native/device.js';
import { nativeBackend } from '../src/backend/native/index.js';
import { openWasmDevice } from '../src/backend/wasm/device.js';
import { detectFeatures } from '../src/backend/wasm/features.js';
import type { Contender } from '../src/bench/measure.js';
import { nativePeakLoop, peakLoop } from '../src/bench/peak.js';

export interface Build {
  readonly name: string;
  /** Builds of one family have the same kernels and types, and are held against one multiply-add loop. */
  readonly family: string;
  readonly kind: 'wasm' | 'native';
  /** Makes the loop that the build is held against. */
  readonly loop: () => Contender;
  readonly device: Device;
  readonly options: Required<Omit<DeviceOptions, 'deviceIndex'>>;
}

/** Opens a device for every build and mode that this engine and this machine have and that has `wanted` in its name. */
export async function openBuilds(wanted = ''): Promise<Build[]> {
  return [...(await wasmBuilds(wanted)), ...(await nativeBuilds(wanted))];
}

async function wasmBuilds(wanted: string): Promise<Build[]> {
  const features = detectFeatures();
  const builds: Build[] = [];
  for (const family of features.relaxed ? (['simd', 'relaxed'] as const) : (['simd'] as const))
    for (const options of [
      { threads: 1, weights: 'f32' },
      { threads: 2, weights: 'f32' },
      { threads: 1, weights: 'int8' },
    ] as const) {
      const name = nameOf(family, options);
      if (!name.includes(wanted)) continue;
      const device = await openWasmDevice(options, {
        features: { ...features, relaxed: family === 'relaxed' },
      });
      await device.pool?.ready();
      builds.push({ name, family, kind: 'wasm', loop: () => peakLoop(family), device, options });
    }
  return builds;
}

async function nativeBuilds(wanted: string): Promise<Build[]> {
  if (!nativeBackend.status().available) return [];
  const builds: Build[] = [];
  for (const weights of ['f32', 'bf16'] as const)
    for (const threads of [1, 2]) {
      const options = { threads, weights };
      const device = await openNative(options);
      const name = nameOf(device.instructionSet, options);
      if (!name.includes(wanted)) {
        await device.dispose();
        continue;
      }
      const family = `${device.instructionSet} ${weights}`;
      builds.push({
        name,
        family,
        kind: 'native',
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

function nameOf(kernels: string, { threads, weights }: Required<Omit<DeviceOptions, 'deviceIndex'>>): string {
  return `${kernels} ${weights}, ${threads} ${threads === 1 ? 'thread' : 'threads'}`;
}
