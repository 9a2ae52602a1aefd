/** The addon (cpp/addon/addon.cpp), typed, and why it is not there when it is not. */
import { isCheckout } from '../../packageFile.js';
import type { BufferType, FloatType } from '../../plan/types.js';
import { addonPlaces } from './addonFile.js';
import { explainFailures, type Failure, InterfaceMismatch } from './loadFailure.js';
import { platformHere } from './platform.js';

/** A handle of the addon: only its functions know what is inside. */
export type Handle<Name extends string> = { readonly __handle: Name };
export type DeviceHandle = Handle<'device'>;
export type BufferHandle = Handle<'buffer'>;
export type WeightsHandle = Handle<'weights'>;
export type PlanHandle = Handle<'plan'>;
export type ExecutableHandle = Handle<'executable'>;
/** Ends the runs that it is given to, those under way and later ones. */
export type CancellationHandle = Handle<'cancellation'>;

/** What the addon's errors have beside a message. */
export interface BindingError extends Error {
  /** `incache_status` of incache.h. */
  readonly status: number;
  /** `incache_memory_error`, where the status is INCACHE_OUT_OF_MEMORY: 0 or empty where it is not known. */
  readonly device?: string;
  readonly asked?: number;
  readonly inUse?: number;
  readonly limit?: number;
}

export interface Binding {
  readonly abiVersion: number;
  /** `name` is that of incache_device_open, `cpu` if it is not given. */
  openDevice(threads: number, weights: FloatType, name?: string): DeviceHandle;
  /** What the device is, without opening it: for people, and its bytes of memory, 0 for the processor. */
  describeDevice(name: string): { readonly description: string; readonly memory: number };
  closeDevice(device: DeviceHandle): void;
  deviceThreads(device: DeviceHandle): number;
  deviceInstructionSet(device: DeviceHandle): string;
  deviceMemory(device: DeviceHandle): number;
  /** Runs `rounds` rounds of multiply-adds on registers; returns how many floating-point operations they were. */
  devicePeak(device: DeviceHandle, type: FloatType, rounds: number): number;
  createBuffer(device: DeviceHandle, rows: number, columns: number, type: BufferType): BufferHandle;
  destroyBuffer(buffer: BufferHandle): void;
  writeBuffer(buffer: BufferHandle, data: Float32Array | Int32Array): void;
  readBuffer(buffer: BufferHandle, data: Float32Array | Int32Array): void;
  parsePlan(json: string): PlanHandle;
  destroyPlan(plan: PlanHandle): void;
  createWeights(device: DeviceHandle): WeightsHandle;
  destroyWeights(weights: WeightsHandle): void;
  weightsBytes(weights: WeightsHandle): number;
  /** Place of the first of the plan's buffers from `from` on whose weight is not loaded; their number if there is none. */
  missingWeight(weights: WeightsHandle, plan: PlanHandle, from: number): number;
  /** Packs a copy of `values` off this thread: numbers, or with a type of 16 bits their bits. */
  loadWeight(
    weights: WeightsHandle,
    plan: PlanHandle,
    place: number,
    values: Float32Array | Uint16Array,
    type?: FloatType,
  ): Promise<void>;
  releaseWeights(weights: WeightsHandle, prefix: string): void;
  createExecutable(
    device: DeviceHandle,
    plan: PlanHandle,
    weights: WeightsHandle,
    names: readonly string[],
    buffers: readonly BufferHandle[],
  ): ExecutableHandle;
  destroyExecutable(executable: ExecutableHandle): void;
  runExecutable(executable: ExecutableHandle, cancellation?: CancellationHandle): Promise<void>;
  createCancellation(): CancellationHandle;
  cancel(cancellation: CancellationHandle): void;
}

/** Version of the C interface that this file was written for. */
const ABI_VERSION = 2;

let loaded: Binding | { readonly reason: string } | undefined;
let loadedPlace: string | undefined;

/** The addon, or the reason why it cannot be used, with what to do about it. */
export function loadBinding(): Binding | { readonly reason: string } {
  loaded ??= tryLoad();
  return loaded;
}

/** A path or the name of a platform package: where the addon was loaded from. Undefined without one. */
export function addonPlace(): string | undefined {
  loadBinding();
  return loadedPlace;
}

function tryLoad(): Binding | { readonly reason: string } {
  if (process.env.INCACHE_NATIVE === 'off') return { reason: 'INCACHE_NATIVE is off' };
  const failures: Failure[] = [];
  for (const place of addonPlaces()) {
    try {
      const binding = checked(place.load());
      loadedPlace = place.name;
      return binding;
    } catch (error) {
      failures.push({ place, error });
    }
  }
  return { reason: explainFailures(failures, platformHere(), isCheckout()) };
}

function checked(binding: unknown): Binding {
  const { abiVersion } = binding as Binding;
  if (abiVersion !== ABI_VERSION) throw new InterfaceMismatch(abiVersion, ABI_VERSION);
  return binding as Binding;
}
