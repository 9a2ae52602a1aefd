/**
 * The gpu backend: WebGPU, in browsers and, with the package `webgpu`, in Node.js. Kernels are WGSL, translated from
 * JavaScript by gpu.js (`gpujs`), and those of products by hand (`wgsl`). It serves only when asked for by name.
 */
import { IncacheError, requireOneOf } from '../../errors.js';
import type { Backend, BackendStatus } from '../backend.js';
import { describeAdapter, findAdapter } from './adapter.js';
import type { GPUAdapter } from './webgpu.js';

/** The system's answer, once it has been asked: whether there is an adapter, and which. */
let found: BackendStatus = { name: 'gpu', available: false, detail: 'adapters have not been looked for yet' };

export const gpuBackend: Backend = {
  name: 'gpu',
  precisions: ['f32'],
  byNameOnly: true,
  status: () => found,
  async probe() {
    await findFreshAdapter();
  },
  async open(options = {}) {
    requireOneOf('weights', options.weights ?? 'f32', ['f32']);
    const adapter = await findFreshAdapter();
    if (typeof adapter === 'string') throw new IncacheError(`the gpu backend is absent: ${adapter}`);
    const { openChosenDevice } = await import('./choose.js');
    return openChosenDevice(adapter);
  },
};

/** An adapter gives one device, so each needs another. */
async function findFreshAdapter(): Promise<GPUAdapter | string> {
  const adapter = await findAdapter();
  const isThere = typeof adapter !== 'string';
  found = { name: 'gpu', available: isThere, detail: isThere ? describeAdapter(adapter) : adapter };
  return adapter;
}
