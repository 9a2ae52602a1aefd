/** The CUDA backend: GPUs, by way of the addon and the plugin that libincache opens at run time. */
import { ArgumentError, formatBytes, IncacheError, requireInteger } from '../../errors.js';
import { isCheckout } from '../../packageFile.js';
import type { Backend, BackendStatus } from '../backend.js';
import { loadBinding } from '../native/binding.js';
import { NativeDevice } from '../native/device.js';

const MOST_DEVICES = 1000;
const PRECISIONS = ['f32', 'bf16', 'f16'] as const;

export const cudaBackend: Backend = {
  name: 'cuda',
  precisions: PRECISIONS,
  status: () => statusOf(0),
  async open(options = {}) {
    const index = options.deviceIndex ?? 0;
    requireInteger('deviceIndex', index, 0, MOST_DEVICES - 1);
    const { available, detail } = statusOf(index);
    const binding = loadBinding();
    if (!available && index > 0)
      throw new ArgumentError('deviceIndex', index, `one that is present: ${detail}`);
    if (!available || 'reason' in binding) throw new IncacheError(`the cuda backend is absent: ${detail}`);
    const device = {
      backend: 'cuda',
      device: `cuda:${index}`,
      precisions: PRECISIONS,
      weights: 'bf16',
    } as const;
    return new NativeDevice(binding, device, options);
  },
};

function statusOf(index: number): BackendStatus {
  const absent = (detail: string) => ({ name: 'cuda', available: false, detail });
  const binding = loadBinding();
  if ('reason' in binding) return absent(`it needs the native addon: ${binding.reason}`);
  try {
    const { description, memory } = binding.describeDevice(`cuda:${index}`);
    return { name: 'cuda', available: true, detail: `${description}, ${formatBytes(memory)}` };
  } catch (error) {
    const reason = (error as Error).message.replace(/^cuda(:\d+)?(: | is absent: )/, '');
    return absent(
      reason.replace(
        /was not built \(.*\)$/,
        `was not built (${isCheckout() ? 'npm run build:cuda' : 'npx incache build --cuda'})`,
      ),
    );
  }
}
