/** The native backend: libincache's CPU kernels through the N-API addon, where it has been built. */
import { IncacheError } from '../../errors.js';
import type { Backend, BackendStatus } from '../backend.js';
import { threadsText } from '../threads.js';
import { loadBinding } from './binding.js';
import { MOST_THREADS, NativeDevice } from './device.js';

const PRECISIONS = ['f32', 'bf16'] as const;

export const nativeBackend: Backend = {
  name: 'native',
  precisions: PRECISIONS,
  status,
  async open(options = {}) {
    const binding = loadBinding();
    if ('reason' in binding) throw new IncacheError(`the native backend is absent: ${binding.reason}`);
    const device = { backend: 'native', device: 'cpu', precisions: PRECISIONS, weights: 'f32' } as const;
    return new NativeDevice(binding, device, options);
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
      detail: `${description}, ${threadsText(MOST_THREADS)}`,
    };
  } catch (error) {
    return { name: 'native', available: false, detail: (error as Error).message };
  }
}
