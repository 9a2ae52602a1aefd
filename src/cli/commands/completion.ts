import type { Command } from 'commander';
import { requireOneOf } from '../../errors.js';
import { completionScript, SHELLS } from '../completion.js';

export function register(program: Command): void {
  program
    .command('completion')
    .description('Print a script by which a shell completes commands, options and their values.')
    .argument('<shell>', SHELLS.join(', '))
    .option('--debug', 'print the stack traces of errors')
    .helpOption('-h, --help', 'print this help')
    .action((shell: string) => {
      requireOneOf('shell', shell, SHELLS);
      process.stdout.write(completionScript(shell, program));
    });
}
