/** Runs command lines one after the other, as the process that started it asks, and tells how each ended. */
import { runCommandLine } from '../../src/cli/commandLine.js';
import type { Run } from './run.js';

export interface Asked {
  readonly args: readonly string[];
  readonly folder: string;
}

process.on('message', async ({ args, folder }: Asked) => {
  process.chdir(folder);
  const said = { stdout: '', stderr: '' };
  const [stdout, stderr] = [process.stdout.write, process.stderr.write];
  for (const stream of ['stdout', 'stderr'] as const)
    process[stream].write = (text: string | Uint8Array) => {
      said[stream] += typeof text === 'string' ? text : Buffer.from(text).toString();
      return true;
    };
  await runCommandLine([...process.argv.slice(0, 2), ...args]);
  [process.stdout.write, process.stderr.write] = [stdout, stderr];
  const code = process.exitCode as number;
  process.exitCode = undefined;
  // A process of its own would have ended with them.
  for (const signal of ['SIGINT', 'SIGTERM']) process.removeAllListeners(signal);
  process.send!({ code, ...said } satisfies Run);
});
