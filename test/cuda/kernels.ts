/** The kernels one by one against float64 (cuda/test), on the emulator. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import type { HalfType } from '../conformance/half.js';
import { ROOT, run } from '../native/tools.js';
import { AMPERE, buildForEmulator, FOLDER } from './places.js';

/**
 * Where kernels of each type run; which the chip is only decides among kernels, not between types. Those of sm_80 are those of
 * sm_89, which has less shared memory.
 */
const CAPABILITIES: Readonly<Record<HalfType, readonly string[]>> = { bf16: ['89', '90'], f16: ['90'] };
/** Without a tensor in a 16-bit type, and built once. */
const UNTYPED = ['emulator', 'samplerStep', 'swizzle', 'waits'];

export function testKernels(): void {
  describe('kernels on the emulator', { skip: AMPERE.skip }, () => {
    before(() => buildForEmulator('incache_cuda_tests'));
    for (const file of readdirSync(join(ROOT, 'cuda/test')).filter((name) => name.endsWith('.cpp')))
      for (const type of ['bf16', 'f16'] as const) {
        const stem = file.replace('.cpp', '');
        if (type === 'f16' && UNTYPED.includes(stem)) continue;
        const name = `${stem}-${type}`;
        test(name, () => {
          // Another seed has threads run in another order.
          for (const [seed, capability] of CAPABILITIES[type].entries()) {
            const environment = {
              INCACHE_EMULATED_CAPABILITY: capability,
              INCACHE_EMULATED_SEED: String(seed),
              INCACHE_CUDA_UNPROVEN: '1',
            };
            // A failed expectation ends it with 1, which throws.
            run(join(FOLDER, 'cuda-tests', name), [], environment);
          }
        });
      }
  });
}
