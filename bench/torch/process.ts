/** PyTorch as a peer: a process that computes what it was given when it is told to (`dit.py`). */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { writeSafetensors } from '../../src/weights/safetensors.js';
import type { Tensor } from '../tensor.js';

const SCRIPT = fileURLToPath(new URL('../../../bench/torch/dit.py', import.meta.url));
/** Where distributions put theirs, the one that a package of PyTorch goes with. */
const PYTHON = process.env.INCACHE_PYTHON ?? '/usr/bin/python3';

export interface TorchOptions {
  readonly what: 'block' | 'step';
  readonly images: number;
  readonly heads: number;
  readonly threads: number;
  readonly precision: 'f32' | 'bf16';
}

export interface Torch {
  readonly version: string;
  /** Computes once and returns the milliseconds by the process's own clock. */
  timedRun(): Promise<number>;
  output(): Promise<Float32Array>;
  dispose(): Promise<void>;
}

/** With the weights and inputs of `tensors`, by the names that `dit.py` knows; a sentence where there is no PyTorch. */
export async function openTorch(
  tensors: Iterable<readonly [name: string, tensor: Tensor]>,
  { what, images, heads, threads, precision }: TorchOptions,
): Promise<Torch | string> {
  const folder = mkdtempSync(join(tmpdir(), 'incache-bench-'));
  const path = join(folder, 'problem.safetensors');
  writeSafetensors(
    path,
    [...tensors].map(([name, { shape, data }]) => ({ name, dtype: 'F32', shape, data })),
  );
  const server = new LineServer(PYTHON, [SCRIPT, path, what, images, heads, threads, precision].map(String));
  const dispose = async () => {
    await server.close();
    rmSync(folder, { recursive: true });
  };
  const [word, said] = split(await server.answer().catch((error: Error) => `absent ${error.message}`));
  if (word === 'absent') {
    await dispose();
    return said;
  }
  return {
    version: said,
    timedRun: async () => Number(await server.ask('run')),
    output: async () => {
      const output = join(folder, 'output.f32');
      await server.ask(`write ${output}`);
      return new Float32Array(Uint8Array.from(readFileSync(output)).buffer);
    },
    dispose,
  };
}

/** The first word of an answer, and the rest. */
function split(answer: string): [string, string] {
  const [word = ''] = answer.split(' ', 1);
  return [word, answer.slice(word.length + 1)];
}

/** A process that answers a line with a line. */
class LineServer {
  readonly #process: ChildProcess;
  readonly #answers: AsyncIterator<string>;
  readonly #program: string;
  #failure = 'it has ended';

  constructor(program: string, args: readonly string[]) {
    this.#program = program;
    const { PATH, HOME } = process.env;
    // Without the variables by which a library's kernels can be forced: the peer chooses its own. Waiting threads of
    // OpenMP would otherwise spin on the cores that those of OpenBLAS want: a tenth slower on two threads.
    const env = { PATH, HOME, OMP_WAIT_POLICY: 'passive' };
    this.#process = spawn(program, args, { env, stdio: ['pipe', 'pipe', 'inherit'] });
    this.#process.on('error', (error) => {
      this.#failure = error.message;
    });
    this.#answers = createInterface({ input: this.#process.stdout! })[Symbol.asyncIterator]();
  }

  ask(line: string): Promise<string> {
    this.#process.stdin!.write(`${line}\n`);
    return this.answer();
  }

  /** The next line. Throws when the process has ended. */
  async answer(): Promise<string> {
    const { value, done } = await this.#answers.next();
    if (done) throw new Error(`${this.#program}: ${this.#failure}`);
    return value;
  }

  async close(): Promise<void> {
    if (this.#process.pid === undefined || this.#process.exitCode !== null) return;
    this.#process.stdin!.end();
    await once(this.#process, 'exit');
  }
}
