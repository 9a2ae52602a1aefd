/** `--help` of the scripts: the comment at their head, which says what they do and take. */
import { readFileSync } from 'node:fs';

/** With `--help` or `-h` on the command line: prints it and ends the process. `module`: `import.meta.url` of the script. */
export function answerHelp(module) {
  if (!process.argv.slice(2).some((arg) => arg === '--help' || arg === '-h')) return;
  console.log(headOf(readFileSync(new URL(module), 'utf8')));
  process.exit(0);
}

/** The text of the first block comment of a source. */
function headOf(source) {
  const [, comment] = /\/\*\*?([\s\S]*?)\*\//.exec(source);
  return comment.replace(/^ ?\* ?/gm, '').trim();
}
