/** A worker of the pool: lives inside the module until it is terminated. */
import { workerData } from 'node:worker_threads';
import { instantiate } from './modules.js';
import type { WorkerStart } from './pool.js';

const { module, memory } = workerData as WorkerStart;
instantiate(module, memory).work();
