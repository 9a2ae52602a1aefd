/** The tests of the C interface in C, that of its threads, and the files that fuzzing has kept, as the ordinary library takes them. */
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { build, cannotBuild, ROOT, run, TINY_MODEL } from './tools.js';

const folder = join(ROOT, 'build/test-native');

describe('the C interface', { skip: cannotBuild() }, () => {
  before(() =>
    build(ROOT, folder, { INCACHE_TESTS: 'ON', INCACHE_CUDA: 'OFF', INCACHE_TEST_MODEL: TINY_MODEL }),
  );

  for (const name of ['pool', 'plan', 'misuse', 'model', 'replay_plan', 'replay_model'])
    for (const instructionSet of ['', 'portable'])
      test(`${name}, with ${instructionSet || 'the best'} kernels`, () => {
        const options = ['--test-dir', folder, '--output-on-failure', '--no-tests=error'];
        run('ctest', [...options, '-R', `^${name}$`], { INCACHE_ISA: instructionSet });
      });
});
