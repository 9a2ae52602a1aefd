/** What every refusal of bad input has in common. */
import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Asked } from './refusing.js';
import { ended, type Run, Workplace } from './run.js';

export interface BadInput {
  readonly name: string;
  readonly args: readonly string[];
  /** What the one line must say: the argument, its value, what was expected. */
  readonly says: readonly string[];
}

/** One process for all cases of a file, one after the other: to start one takes far longer than to refuse. */
class RefusingProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #ended: Promise<Run>;
  #last: Promise<unknown> = Promise.resolve();

  constructor() {
    const program = fileURLToPath(new URL('./refusing.js', import.meta.url));
    this.#child = fork(program, { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
    this.#ended = ended(this.#child);
  }

  refuse(asked: Asked): Promise<Run> {
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

  /** It ends by itself, as each command would have: what a command has left open would keep it. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.connected) this.#child.disconnect();
    assert.deepEqual(await this.#ended, { code: 0, stdout: '', stderr: '' });
  }
}

let refusing: RefusingProcess | undefined;
after(() => refusing?.[Symbol.asyncDispose]());

/** A test for each: exit code 2, one line on stderr and no trace, nothing on stdout, nothing on disk. */
export function testRefusals(cases: readonly BadInput[]): void {
  for (const { name, args, says } of cases)
    test(name, async () => {
      using place = new Workplace();
      refusing ??= new RefusingProcess();
      const { code, stdout, stderr } = await refusing.refuse({ args, folder: place.folder });
      assert.equal(code, 2, stderr);
      assert.equal(stdout, '');
      assert.match(stderr, /^incache: [^\n]+\n$/);
      for (const words of says) assert.ok(stderr.includes(words), `'${words}' is not in: ${stderr}`);
      assert.deepEqual(place.files, [], 'nothing is left on disk');
    });
}
