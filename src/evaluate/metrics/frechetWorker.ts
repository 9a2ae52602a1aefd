/** A thread that computes one Frechet distance; see frechetThread.ts. */
import { parentPort, workerData } from 'node:worker_threads';
import { frechetDistance } from './frechet.js';

const { a, b } = workerData;
parentPort!.postMessage(frechetDistance(a, b));
