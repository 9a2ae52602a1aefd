/** Command lines that run in one process, one after the other: to start a process takes longer than most commands. */
import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Asked {
  readonly args: readonly string[];
  readonly folder: string;
}

/** Instead of what is asked: nothing more. */
const END = 'end';

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

export class SharedProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #ended: Promise<Run>;
  #last: Promise<unknown> = Promise.resolve();

  /** program: one that calls `answerCommands`, by its address. */
  constructor(program: URL) {
    this.#child = fork(fileURLToPath(program), { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
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
    // Where this side disconnects, Node.js does not tell when the child closes.
    if (this.#child.connected) this.#child.send(END);
    assert.deepEqual(await this.#ended, { code: 0, stdout: '', stderr: '' });
  }
}

/** In that process: runs what it is asked for and tells how each ended. `run` finds its arguments in `process.argv`. */
export function answerCommands(run: (args: readonly string[]) => Promise<void>): void {
  const [node, program] = process.argv as [string, string];
  process.on('message', async (asked: Asked | typeof END) => {
    if (asked === END) return process.disconnect();
    const { args, folder } = asked;
    process.chdir(folder);
    process.argv = [node, program, ...args];
    const said = { stdout: '', stderr: '' };
    const [stdout, stderr] = [process.stdout.write, process.stderr.write];
    for (const stream of ['stdout', 'stderr'] as const)
      process[stream].write = (text: string | Uint8Array) => {
        said[stream] += typeof text === 'string' ? text : Buffer.from(text).toString();
        return true;
      };
    await run(args);
    [process.stdout.write, process.stderr.write] = [stdout, stderr];
    const code = Number(process.exitCode ?? 0);
    process.exitCode = undefined;
    // Those of a command end with its process.
    for (const signal of ['SIGINT', 'SIGTERM']) process.removeAllListeners(signal);
    process.send!({ code, ...said } satisfies Run);
  });
}
