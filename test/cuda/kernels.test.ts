/** The kernels one by one against float64 (cuda/test), on the emulator; and what the compiler says of them. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { isPresent, ROOT, run } from '../native/tools.js';
import { AMPERE, buildForEmulator, FOLDER } from './places.js';

const CAPABILITIES = ['80', '89', '90'];

describe('CUDA kernels on the emulator', { skip: AMPERE.skip }, () => {
  before(() => buildForEmulator('incache_cuda_tests'));
  for (const file of readdirSync(join(ROOT, 'cuda/test')).filter((name) => name.endsWith('.cpp')))
    test(file.replace('.cpp', ''), () => {
      const program = join(FOLDER, 'cuda-tests', `incache_cuda_test_${file.replace('.cpp', '')}`);
      // Another seed has threads run in another order.
      for (const [seed, capability] of CAPABILITIES.entries()) {
        const environment = { INCACHE_EMULATED_CAPABILITY: capability, INCACHE_EMULATED_SEED: String(seed) };
        // A failed expectation ends it with 1, which throws.
        run(program, [], environment);
      }
    });
});

describe('CUDA kernels by nvcc', { skip: !isPresent('nvcc') && 'nvcc is not installed' }, () => {
  test('every kernel compiles for every target, without spills or serialised products', (t) => {
    const report = run(process.execPath, [join(ROOT, 'scripts/cuda-report.mjs')]);
    for (const target of ['sm_80', 'sm_89', 'sm_90a']) assert.match(report, new RegExp(`\\b${target}\\b`));
    t.diagnostic(`registers and memory of each kernel:\n${report}`);
  });
});
