/** The CUDA backend and its kernels. One file, because all of it needs the emulator, which is built once. */
import { before, describe } from 'node:test';
import { testFaults } from './faults.js';
import { testKernels } from './kernels.js';
import { testMisuse } from './misuse.js';
import { testNumbers } from './numbers.js';
import { AMPERE, buildEmulated, GPU, HOPPER } from './places.js';
import { testSuites } from './suites.js';

describe('the CUDA backend', () => {
  before(() => {
    if (!AMPERE.skip) buildEmulated();
  });
  for (const place of [AMPERE, HOPPER, GPU]) {
    testMisuse(place);
    testNumbers(place);
  }
  // In float32, which is the same on every GPU.
  testSuites(AMPERE);
  testFaults(AMPERE);
  testKernels();
});
