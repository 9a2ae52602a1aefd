/** The adapter for tests of the gpu backend in Node.js: a GPU, or the software adapter that comes with Chromium. */
import { existsSync } from 'node:fs';
import { findAdapter } from '../../src/backend/gpu/adapter.js';
import { type GpuDevice, openGpuDevice } from '../../src/backend/gpu/device.js';
import type { KernelForms } from '../../src/backend/gpu/forms.js';
import type { GPUAdapter } from '../../src/backend/gpu/webgpu.js';

/** Debian's Chromium brings SwiftShader, a Vulkan driver on the processor. */
const SWIFTSHADER = '/usr/lib/chromium/vk_swiftshader_icd.json';

if (process.env.VK_DRIVER_FILES === undefined && existsSync(SWIFTSHADER))
  process.env.VK_DRIVER_FILES = SWIFTSHADER;

const found = await findAdapter();

/** For the option `skip` of a test: why there is no adapter, or false. */
export const noAdapter: string | false = typeof found === 'string' ? found : false;

/** Each device needs a new adapter. */
export async function openTestDevice(
  forms: KernelForms = { products: 'registers', fused: [] },
): Promise<GpuDevice> {
  return openGpuDevice((await findAdapter()) as GPUAdapter, forms);
}
