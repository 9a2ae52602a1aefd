/**
 * Ends workers in the middle of their runs, then samples on its own thread and prints the latents as hex.
 * Arguments: model, how many workers.
 */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { Pipeline } from '../../src/pipeline/pipeline.js';
import type { SamplingTask } from './samplingWorker.js';
import { LONG_WORK, WORK } from './work.js';

const [path, count] = [process.argv[2]!, Number(process.argv[3])];
const workerData: SamplingTask = { path, options: LONG_WORK, forever: true };
for (let i = 0; i < count; i++) {
  const worker = new Worker(new URL('samplingWorker.js', import.meta.url), { workerData });
  await once(worker, 'message');
  // Each at another moment of a step.
  await sleep(i % 7);
  await worker.terminate();
}
await using pipeline = await Pipeline.load(path, { backend: 'native', threads: 2 });
const { latents } = await pipeline.generate(WORK);
process.stdout.write(Buffer.from(latents.buffer).toString('hex'));
