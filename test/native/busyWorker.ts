/**
 * A worker thread that writes to, runs and reads from a device for ever, and says when it has begun. Of the engine it has the
 * backend alone, which starts in a third of the time.
 */
import { parentPort } from 'node:worker_threads';
import { nativeBackend } from '../../src/backend/native/index.js';
import { bind, blockPlan } from '../wasm/block.js';

const device = await nativeBackend.open({ threads: 2 });
const { executable, tensors } = await bind(device, blockPlan());
const [x, out] = [tensors.get('x')!, tensors.get('mlp')!];
const values = (await x.read()) as Float32Array;
for (let runs = 0; ; runs++) {
  // Asked for together, as a session does.
  await Promise.all([x.write(values), executable.run(), out.read()]);
  if (runs === 0) parentPort!.postMessage('begun');
}
