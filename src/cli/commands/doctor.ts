import type { Command } from 'commander';
import { doctorText, examine } from '../doctorReport.js';
import { addOutputFlags, type OutputFlags } from '../shared.js';

export function register(program: Command): void {
  const command = program
    .command('doctor')
    .description(
      'Say what is installed, what is missing and what to do. Exit code 1 if something that is installed does not work.',
    );
  addOutputFlags(command).action(async ({ json }: OutputFlags) => {
    const report = await examine();
    process.stdout.write(json ? `${JSON.stringify(report)}\n` : doctorText(report));
    process.exitCode = report.problems.length === 0 ? 0 : 1;
  });
}
