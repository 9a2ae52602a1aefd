/** A worker thread that samples once and posts its latents, or samples for ever and says when it has begun. */
import assert from 'node:assert/strict';
import { parentPort, workerData } from 'node:worker_threads';
import type { SampleOptions } from '../../src/pipeline/options.js';
import { Pipeline } from '../../src/pipeline/pipeline.js';

export interface SamplingTask {
  readonly path: string;
  readonly options: SampleOptions;
  readonly forever: boolean;
}

const { path, options, forever } = workerData as SamplingTask;
assert.ok(parentPort, 'this is the program of a worker');
const pipeline = await Pipeline.load(path, { backend: 'native', threads: 2 });
do {
  const { latents } = await pipeline.generate(options, ({ index }) => {
    if (forever && index === 0) parentPort!.postMessage('begun');
  });
  if (!forever) parentPort.postMessage(latents);
} while (forever);
await pipeline.dispose();
