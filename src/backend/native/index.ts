/** The native backend: libincache's CPU kernels through the N-API addon, where it has been built. */
import { availableParallelism } from 'node:os';
import { IncacheError } from '../../errors.js';
import type { Backend, BackendStatus } from '../backend.js';
import { loadBinding } from './binding.js';
import { NATIVE_PRECISIONS, NativeDevice } from './device.js';

export const nativeBackend: Backend = {
  name: 'native',
  precisions: NATIVE_PRECISIONS,
  status,
  async open(options = {}) {
    const binding = loadBinding();
    if ('reason' in binding) throw new IncacheError(`the native backend is absent: ${binding.reason}`);
    return new NativeDevice(binding, { backend: 'native', device: 'cpu', weights: 'f32' }, options);
  },
};

function status(): BackendStatus {
  const binding = loadBinding();
  if ('reason' in binding) return { name: 'native', available: false, detail: binding.reason };
  try {
    const { description } = binding.describeDevice('cpu');
    return {
      name: 'native',
      available: true,
      detail: `${description}, up to ${availableParallelism()} threads`,
    };
  } catch (error) {
    return { name: 'native', available: false, detail: (error as Error).message };
  }
}
