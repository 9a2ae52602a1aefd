/** The adapter that WebGPU gives, and what to say of it. */
import { findGpu } from '#platform/gpu';
import type { GPU, GPUAdapter } from './webgpu.js';

/** The adapter with the most power, or why there is none. */
export async function findAdapter(): Promise<GPUAdapter | string> {
  const gpu = (await findGpu()) as GPU | string;
  if (typeof gpu === 'string') return gpu;
  try {
    const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
    return adapter ?? 'WebGPU is there, but no adapter: no GPU with a driver for it was found';
  } catch (error) {
    return `WebGPU gave no adapter: ${firstLine(error)}`;
  }
}

/** What WebGPU says is wrong; more lines follow in its messages. */
export function firstLine(error: unknown): string {
  return (error as Error).message.split('\n')[0]!;
}

/** Whether the adapter computes on the processor. Such an adapter is never called a GPU. */
export function isSoftware({ info }: GPUAdapter): boolean {
  const text = `${info.vendor} ${info.architecture} ${info.device} ${info.description}`;
  return info.isFallbackAdapter === true || /swiftshader|llvmpipe|lavapipe|softpipe|basic render/i.test(text);
}

/** `software adapter, no GPU: SwiftShader driver 5.0.0` or `GPU: nvidia hopper`. */
export function describeAdapter(adapter: GPUAdapter): string {
  const { vendor, architecture, device, description } = adapter.info;
  const name = description || [vendor, architecture || device].filter(Boolean).join(' ') || 'without a name';
  return `${isSoftware(adapter) ? 'software adapter, no GPU' : 'GPU'}: ${name}`;
}
