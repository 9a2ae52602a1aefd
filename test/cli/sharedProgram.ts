/** Runs command lines one after the other, as the process that started it asks, and tells how each ended. */
import { runCommandLine } from '../../src/cli/commandLine.js';
import type { Asked, Run } from './run.js';

const [node, program] = process.argv as [string, string];

process.on('message', async ({ args, folder }: Asked) => {
  process.chdir(folder);
  process.argv = [node, program, ...args];
  const said = { stdout: '', stderr: '' };
  const [stdout, stderr] = [process.stdout.write, process.stderr.write];
  for (const stream of ['stdout', 'stderr'] as const)
    process[stream].write = (text: string | Uint8Array) => {
      said[stream] += typeof text === 'string' ? text : Buffer.from(text).toString();
      return true;
    };
  await runCommandLine(process.argv);
  [process.stdout.write, process.stderr.write] = [stdout, stderr];
  const code = process.exitCode as number;
  process.exitCode = undefined;
  // Those of a command end with its process.
  for (const signal of ['SIGINT', 'SIGTERM']) process.removeAllListeners(signal);
  process.send!({ code, ...said } satisfies Run);
});
