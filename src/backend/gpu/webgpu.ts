/** As much of WebGPU's interface as the backend uses (https://www.w3.org/TR/webgpu). */

export interface GPU {
  requestAdapter(options?: { powerPreference?: 'high-performance' }): Promise<GPUAdapter | null>;
}

export interface GPUAdapter {
  readonly info: GPUAdapterInfo;
  readonly limits: GPULimits;
  requestDevice(descriptor: { requiredLimits: Partial<GPULimits> }): Promise<GPUDevice>;
}

export interface GPUAdapterInfo {
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  readonly description: string;
  readonly isFallbackAdapter?: boolean;
}

export interface GPULimits {
  readonly maxBufferSize: number;
  readonly maxStorageBufferBindingSize: number;
}

export interface GPUDevice {
  readonly queue: GPUQueue;
  readonly lost: Promise<{ readonly reason: string; readonly message: string }>;
  onuncapturederror: ((event: { readonly error: GPUError }) => void) | null;
  createBuffer(descriptor: { size: number; usage: number }): GPUBuffer;
  createShaderModule(descriptor: { code: string }): GPUShaderModule;
  createComputePipelineAsync(descriptor: {
    layout: object;
    compute: { module: GPUShaderModule; entryPoint: string };
  }): Promise<GPUComputePipeline>;
  createBindGroupLayout(descriptor: { entries: readonly object[] }): object;
  createPipelineLayout(descriptor: { bindGroupLayouts: readonly object[] }): object;
  createBindGroup(descriptor: { layout: object; entries: readonly GPUBinding[] }): GPUBindGroup;
  createCommandEncoder(): GPUCommandEncoder;
  pushErrorScope(filter: 'validation' | 'out-of-memory'): void;
  popErrorScope(): Promise<GPUError | null>;
  destroy(): void;
}

export interface GPUError {
  readonly message: string;
}

export interface GPUQueue {
  submit(commands: readonly unknown[]): void;
  writeBuffer(buffer: GPUBuffer, offset: number, data: ArrayBufferView): void;
  onSubmittedWorkDone(): Promise<void>;
}

export interface GPUBuffer {
  readonly size: number;
  mapAsync(mode: number): Promise<void>;
  getMappedRange(): ArrayBuffer;
  unmap(): void;
  destroy(): void;
}

export interface GPUBinding {
  readonly binding: number;
  readonly resource: { readonly buffer: GPUBuffer; readonly offset?: number; readonly size?: number };
}

export interface GPUCommandEncoder {
  beginComputePass(): GPUComputePass;
  copyBufferToBuffer(source: GPUBuffer, at: number, target: GPUBuffer, to: number, size: number): void;
  finish(): unknown;
}

export interface GPUComputePass {
  setPipeline(pipeline: GPUComputePipeline): void;
  setBindGroup(index: number, group: GPUBindGroup): void;
  dispatchWorkgroups(x: number, y: number, z: number): void;
  end(): void;
}

export type GPUShaderModule = object;
export type GPUComputePipeline = object;
export type GPUBindGroup = object;

/** `GPUBufferUsage` and `GPUMapMode`, whose values the standard fixes; in Node.js they are no globals. */
export const USAGE = { mapRead: 1, copySource: 4, copyTarget: 8, uniform: 64, storage: 128 } as const;
export const MAP_READ = 1;
