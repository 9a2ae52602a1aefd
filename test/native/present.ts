/** Whether there is a native backend to be tested, and its addon without the checks that src/backend/native adds. */
import { type Binding, loadBinding } from '../../src/backend/native/binding.js';
import { nativeBackend } from '../../src/backend/native/index.js';

const { available, detail } = nativeBackend.status();

/** For `test` and `describe`: false, or the reason why there is nothing to test. */
export const SKIP = available ? false : detail;

export function rawBinding(): Binding {
  const binding = loadBinding();
  if ('reason' in binding) throw new Error(binding.reason);
  return binding;
}
