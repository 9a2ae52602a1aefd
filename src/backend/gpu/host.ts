/** What tensors, weights and executables need of their device. */
import type { RunQueue } from '../runQueue.js';
import type { KernelForms } from './forms.js';
import type { Slot } from './kernel.js';
import type { GpuMemory } from './memory.js';
import type { Pipelines } from './pipelines.js';
import type { SharedBuffers } from './sharedBuffers.js';
import type { GPUDevice } from './webgpu.js';

export interface GpuHost {
  readonly device: GPUDevice;
  readonly memory: GpuMemory;
  readonly shared: SharedBuffers;
  readonly pipelines: Pipelines;
  readonly runs: RunQueue;
  readonly constants: Slot;
  readonly forms: KernelForms;
  /** Throws when the device has been disposed, has been lost or has failed. */
  requireOpen(): void;
  /** Does what waits for the device; what it failed of, also of what it was asked before, is the error. */
  working<T>(work: () => Promise<T>): Promise<T>;
}
