/** The tests of the C interface in C, that of its threads, and the files that fuzzing has kept, as the ordinary library takes them. */
import { describe, test } from 'node:test';
import { run } from './tools.js';

/** `tree`: where CMake has built the tests. */
export function testInterface(tree: string): void {
  describe('the C interface', () => {
    for (const name of [
      'pool',
      'plan',
      'thread_bits',
      'misuse',
      'bad_plans',
      'model',
      'inputs',
      'replay_plan',
      'replay_model',
      'replay_json',
    ])
      for (const instructionSet of ['', 'portable'])
        test(`${name}, with ${instructionSet || 'the best'} kernels`, () => {
          const options = ['--test-dir', tree, '--output-on-failure', '--no-tests=error'];
          run('ctest', [...options, '-R', `^${name}$`], { INCACHE_ISA: instructionSet });
        });
  });
}
