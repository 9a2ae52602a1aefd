/** A worker thread that samples once and posts its latents. */
import assert from 'node:assert/strict';
import { parentPort, workerData } from 'node:worker_threads';
import type { SampleOptions } from '../../src/pipeline/options.js';
import { Pipeline } from '../../src/pipeline/pipeline.js';

export interface SamplingTask {
  readonly path: string;
  readonly options: SampleOptions;
}

const { path, options } = workerData as SamplingTask;
assert.ok(parentPort, 'this is the program of a worker');
const pipeline = await Pipeline.load(path, { backend: 'native', threads: 2 });
const { latents } = await pipeline.generate(options);
parentPort.postMessage(latents);
await pipeline.dispose();
