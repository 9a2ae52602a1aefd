/** `--help` of the benchmarks that have no options of their own to print: the comment at the head of their file. */
import { readFileSync } from 'node:fs';

/** With `--help` or `-h` on the command line: prints it and ends the process. `module`: `import.meta.url` of the benchmark. */
export function answerHelp(module: string): void {
  if (!process.argv.slice(2).some((arg) => arg === '--help' || arg === '-h')) return;
  const [, comment] = /\/\*\*?([\s\S]*?)\*\//.exec(readFileSync(new URL(module), 'utf8'))!;
  console.log(comment!.replace(/^ ?\* ?/gm, '').trim());
  process.exit(0);
}
