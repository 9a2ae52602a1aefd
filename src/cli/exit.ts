/** How the command line ends: exit codes and what is said about an error. */
import { type Command, CommanderError } from 'commander';
import { IncacheError } from '../errors.js';
import { printable } from '../printable.js';
import { withHint } from './aliases.js';

/** Documented in README: 0 done, 1 a defect of incache, 2 bad input, 130 interrupted. */
export const EXIT = { done: 0, defect: 1, input: 2, interrupted: 130 } as const;

/** One line on stderr; the stack trace only with `--debug`, or when the defect is ours. */
export function reportError(error: unknown, debug: boolean): number {
  if (isAbort(error)) {
    process.stderr.write('incache: interrupted\n');
    return EXIT.interrupted;
  }
  // Commander has said it by then, see `speakAsIncache`.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.input;
  const known = error instanceof IncacheError;
  const trace = debug || !known;
  process.stderr.write(`incache: ${trace ? stackOf(error) : oneLine((error as Error).message)}\n`);
  return known ? EXIT.input : EXIT.defect;
}

/** Makes commander's own complaints look like ours. Before commands are added: they inherit it. */
export function speakAsIncache(program: Command): Command {
  return program.exitOverride().configureOutput({
    outputError: (text, write) => write(`incache: ${oneLine(withHint(text.replace(/^error: /, '')))}\n`),
  });
}

/** A longer message would hide what it says. */
const LONGEST_MESSAGE = 2000;

/** Messages may quote their input: names of tensors with escape sequences, lines of what JSON.parse has read. */
export function oneLine(text: string): string {
  return printable(text.trim().replace(/\s*[\r\n]\s*/g, ' '), LONGEST_MESSAGE);
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** A signal that the first Ctrl-C aborts; the work stops as soon as it can, the second Ctrl-C kills. */
export function interruptSignal(): AbortSignal {
  const controller = new AbortController();
  process.once('SIGINT', () => {
    controller.abort();
    if (process.stderr.isTTY) process.stderr.write('\nincache: stopping; Ctrl-C again kills it\n');
  });
  process.once('SIGTERM', () => controller.abort());
  return controller.signal;
}

/** A reader that has seen enough, as in `incache info | head -1`, ends the command without a complaint. */
export function endQuietlyOnClosedPipe(): void {
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      process.exit(process.exitCode ?? EXIT.done);
    });
}
