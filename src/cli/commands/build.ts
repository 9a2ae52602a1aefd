import { spawnSync } from 'node:child_process';
import type { Command } from 'commander';
import { IncacheError } from '../../errors.js';
import { packageFile } from '../../packageFile.js';

export function register(program: Command): void {
  program
    .command('build')
    .description(
      'Compile the native kernels from the sources in this package, into its folder. Needs CMake 3.20 and a C++17 compiler; takes some minutes.',
    )
    .option('--cuda', 'compile the CUDA plugin too, with nvcc 12.4 or later')
    .option('--debug', 'print the stack traces of errors')
    .helpOption('-h, --help', 'print this help')
    .action(({ cuda }: { cuda?: boolean }) => {
      script('build-native.mjs', 'the native kernels were not compiled');
      if (cuda) script('build-cuda.mjs', 'the CUDA plugin was not compiled');
    });
}

/** Runs a script of the package, which says why when it fails. */
function script(name: string, failure: string): void {
  const { status } = spawnSync(process.execPath, [packageFile(`scripts/${name}`), '--require'], {
    stdio: 'inherit',
  });
  if (status !== 0) throw new IncacheError(failure);
}
