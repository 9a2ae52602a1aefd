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
    return new NativeDevice(binding, options);
  },
};

function status(): BackendStatus {
  const binding = loadBinding();
  if ('reason' in binding) return { name: 'native', available: false, detail: binding.reason };
  try {
    const device = binding.openDevice(1, 'f32');
    const detail = `CPU, ${binding.deviceInstructionSet(device)}, up to ${availableParallelism()} threads`;
    binding.closeDevice(device);
    return { name: 'native', available: true, detail };
  } catch (error) {
    return { name: 'native', available: false, detail: (error as Error).message };
  }
}
