/** A worker of the pool: says that it joins, then lives inside the module until it is terminated. */
import { parentPort, workerData } from 'node:worker_threads';
import { instantiate } from './modules.js';
import type { WorkerStart } from './pool.js';

const { module, memory } = workerData as WorkerStart;
const kernels = instantiate(module, memory);
parentPort!.postMessage('joins');
kernels.work();
