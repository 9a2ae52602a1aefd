/** Runs the compiled command line as its users do, in a folder of its own. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ended, type Run, SharedProcess } from '../support/sharedProcess.js';

export { ended, type Run } from '../support/sharedProcess.js';

export const CLI = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

const started = new Set<ChildProcess>();
// A test that fails leaves what it has not ended, as a server, for which the file would wait for ever.
after(() => {
  for (const child of started) child.kill('SIGKILL');
});

/** @param environment beside that of this process */
export function start(
  args: readonly string[],
  folder: string,
  environment: Readonly<Record<string, string>> = {},
): ChildProcess {
  return startProgram(CLI, args, folder, environment);
}

/** The same of another program for Node.js. */
export function startProgram(
  program: string,
  args: readonly string[],
  folder: string,
  environment: Readonly<Record<string, string>> = {},
): ChildProcess {
  const child = spawn(process.execPath, [program, ...args], {
    cwd: folder,
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  started.add(child);
  child.once('exit', () => started.delete(child));
  return child;
}

/** In the process that all tests of a file, or of files that run together, share. */
export function incache(args: readonly string[], folder: string): Promise<Run> {
  shared ??= new SharedProcess(new URL('./sharedProgram.js', import.meta.url));
  return shared.run({ args, folder });
}

/** In a process of its own. */
export function incacheAlone(args: readonly string[], folder: string): Promise<Run> {
  return ended(start(args, folder));
}

/** Waits for something that a process does; fails when it ends without. */
export async function until(done: () => boolean, child: ChildProcess): Promise<void> {
  while (!done()) {
    assert.ok(child.exitCode === null && child.signalCode === null, 'it was over before');
    await setTimeout(5);
  }
}

let shared: SharedProcess | undefined;
after(() => shared?.[Symbol.asyncDispose]());

/** A new folder, gone at `dispose`. */
export class Workplace implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'incache-cli-'));

  path(name: string): string {
    return join(this.folder, name);
  }

  get files(): string[] {
    return readdirSync(this.folder).sort();
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true });
  }
}
