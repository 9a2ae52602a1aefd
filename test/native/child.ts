/** Programs that run in a process of their own, because they end it or measure it. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface Ended {
  readonly code: number | null;
  /** The signal that killed it, as after a crash; null when it ended by itself. */
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a compiled program with the garbage collector in reach. `path` is relative to this folder. */
export async function runProgram(path: string, args: readonly (string | number)[] = []): Promise<Ended> {
  const program = fileURLToPath(new URL(path, import.meta.url));
  const child = spawn(process.execPath, ['--expose-gc', program, ...args.map(String)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const)
    child[stream].setEncoding('utf8').on('data', (text: string) => {
      said[stream] += text;
    });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, ...said }));
  });
}
