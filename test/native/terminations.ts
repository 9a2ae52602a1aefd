/**
 * Ends workers in the middle of what they ask of a device, then samples on its own thread and prints the latents as hex.
 * Arguments: model, how many workers.
 */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { Pipeline } from '../../src/pipeline/pipeline.js';
import { WORK } from './work.js';

const [path, count] = [process.argv[2]!, Number(process.argv[3])];
for (let i = 0; i < count; i++) {
  const worker = new Worker(new URL('busyWorker.js', import.meta.url));
  await once(worker, 'message');
  // Each at another moment of a run.
  await sleep(i % 7);
  await worker.terminate();
}
await using pipeline = await Pipeline.load(path, { backend: 'native', threads: 2 });
const { latents } = await pipeline.generate(WORK);
process.stdout.write(Buffer.from(latents.buffer).toString('hex'));
