/** A worker as a process, to be killed: `node queueWorker.js REDIS MODEL STALE_SECONDS`. Says `ready`. */
import { startWorker } from '../../server/src/index.js';
import { Pipeline } from '../../src/pipeline/pipeline.js';

const [url = '', model = '', staleSeconds] = process.argv.slice(2);
const pipeline = await Pipeline.load(model, { backend: 'wasm', threads: 1 });
await startWorker(pipeline, { queue: { url, staleSeconds: Number(staleSeconds) } });
console.log('ready');
