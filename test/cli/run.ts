/** Runs the compiled command line as its users do, in a folder of its own. */
import assert from 'node:assert/strict';
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export const CLI = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

export interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

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

/** In the process that all tests of a file share: to start one takes longer than most commands. */
export function incache(args: readonly string[], folder: string): Promise<Run> {
  shared ??= new SharedProcess();
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

/** The exit code and all that was said. */
export async function ended(child: ChildProcess): Promise<Run> {
  const said = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const)
    child[stream]!.setEncoding('utf8').on('data', (text: string) => {
      said[stream] += text;
    });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  return { code, ...said };
}

export interface Asked {
  readonly args: readonly string[];
  readonly folder: string;
}

/** Runs commands one after the other. */
class SharedProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #ended: Promise<Run>;
  #last: Promise<unknown> = Promise.resolve();

  constructor() {
    const program = fileURLToPath(new URL('./sharedProgram.js', import.meta.url));
    this.#child = fork(program, { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
    this.#ended = ended(this.#child);
  }

  run(asked: Asked): Promise<Run> {
    const run = this.#last.then(() => this.#ask(asked));
    this.#last = run.catch(() => {});
    return run;
  }

  async #ask(asked: Asked): Promise<Run> {
    const answered = once(this.#child, 'message');
    this.#child.send(asked);
    const [run] = await Promise.race([answered, this.#ended.then((end) => [end])]);
    return run;
  }

  /** It ends by itself, as the process of each command would have: what one has left open would keep it. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.connected) this.#child.disconnect();
    assert.deepEqual(await this.#ended, { code: 0, stdout: '', stderr: '' });
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
