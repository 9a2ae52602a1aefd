/**
 * What a backend is: something that holds tensors and runs plans. A backend knows no model and no cache
 * policy; a model and a policy know no backend.
 */
import type { BufferType, FloatType, Plan } from '../plan/types.js';

/** Whether a backend can be used here, and if not, the reason in one sentence. */
export interface BackendStatus {
  readonly name: string;
  readonly available: boolean;
  /** What it is when available (`simd, 2 threads`), else why it is absent. */
  readonly detail: string;
}

/** How the weights of linears are kept on the device: all but `f32` are faster, less exact modes of some backends. */
export const WEIGHT_PRECISIONS = ['f32', 'bf16', 'f16', 'int8'] as const;
export type WeightPrecision = (typeof WEIGHT_PRECISIONS)[number];

export interface DeviceOptions {
  /**
   * Threads, the calling one included. Default: one for each processor that this process may use, quotas of containers counted, or
   * fewer where the system gives no more. A number that is given and cannot be had is refused. On `cuda` they only prepare weights.
   */
  readonly threads?: number;
  /** Default `f32`; on `cuda` `bf16`, where `f32` is exact and slow. */
  readonly weights?: WeightPrecision;
  /** Which of several devices of the backend, from 0 (the default). Only `cuda` has more than one. */
  readonly deviceIndex?: number;
}

/** A backend: says whether it is present, and opens devices. */
export interface Backend {
  readonly name: string;
  /** What `DeviceOptions.weights` may be. */
  readonly precisions: readonly WeightPrecision[];
  /** Never chosen by itself, however fast it is. */
  readonly byNameOnly?: true;
  status(): BackendStatus;
  /** Asks the system what `status` cannot know at once; `status` then tells it. */
  probe?(): Promise<void>;
  open(options?: DeviceOptions): Promise<Device>;
}

/**
 * Where the device finds the tensors of `weight` buffers. A tensor is read when a plan that needs it is
 * compiled and not kept by the source, so that a model is never in memory twice.
 */
export interface WeightSource {
  /**
   * Values of the named tensor, row-major, at once or as a promise. Throws or rejects if there is none. The device copies
   * them and keeps nothing of the source's.
   */
  read(name: string): WeightValues | Promise<WeightValues>;
}

/** float32, or 16-bit numbers as they are: `native` and `cuda` take those without widening them first. */
export type WeightValues = Float32Array | HalfValues;

export interface HalfValues {
  readonly type: 'bf16' | 'f16';
  readonly bits: Uint16Array;
}

/** A dense rows x columns tensor in the memory of a device. */
export interface DeviceTensor {
  readonly rows: number;
  readonly columns: number;
  readonly type: BufferType;
  /**
   * Copies `data` (rows * columns elements) to the device; 16-bit tensors round float32 to nearest, ties to even. The
   * values are those that `data` has at the call. The tensor takes them after everything that the device was asked to do
   * before, and before everything that it is asked to do later. Rejects when `data` does not fit the tensor.
   */
  write(data: Float32Array | Int32Array): Promise<void>;
  /** Copies the tensor to the host, 16-bit numbers widened to float32, in the same order. */
  read(): Promise<Float32Array | Int32Array>;
  dispose(): void;
}

/** Weights on the device, in whatever packed form its kernels want; shared by all plans compiled with them. */
export interface DeviceWeights {
  /** Bytes held on the device so far. */
  readonly bytes: number;
  /** Frees every tensor whose name starts with `prefix`. Plans compiled with them must not run again. */
  release(prefix: string): void;
  dispose(): void;
}

/** What a plan is compiled against. */
export interface PlanBindings {
  readonly weights: DeviceWeights;
  /** A tensor for every `input`, `output` and `state` buffer of the plan, by buffer name. */
  readonly tensors: ReadonlyMap<string, DeviceTensor>;
}

/** A plan ready to run. */
export interface Executable {
  /**
   * Runs every operation once, in order. `signal` ends it early where the backend can, and it then rejects with the
   * signal's reason; what the plan writes, the caches of its states too, holds anything.
   */
  run(signal?: AbortSignal): Promise<void>;
  dispose(): void;
}

export interface Device {
  readonly backend: string;
  readonly threads: number;
  /** The type that large activations and caches should have in plans for this device. */
  readonly activations: FloatType;
  /**
   * Precision of the weights and instructions of the kernels, as in `f32 avx512`: results of two devices of one backend
   * have the same bits where this is the same.
   */
  readonly arithmetic: string;
  /** Bytes in use now, for weights, tensors and arenas together. */
  readonly memoryInUse: number;
  /** The most bytes that could be in use: what the device has, or the machine, its container or the address space leaves it. */
  readonly memoryLimit: number;
  allocate(rows: number, columns: number, type?: BufferType): DeviceTensor;
  loadWeights(source: WeightSource): DeviceWeights;
  /** Rejects when the plan is not valid, a binding does not fit it or memory runs out; nothing is then taken. */
  compile(plan: Plan, bindings: PlanBindings): Promise<Executable>;
  /** Frees everything the device holds; tensors, weights and executables of it cannot be used afterwards. */
  dispose(): Promise<void>;
}
