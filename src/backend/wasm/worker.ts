/** A worker of the pool: says that it joins, then lives inside the module until it is terminated. */
import { runKernelThread } from '#platform/threads';
import { instantiate } from './instantiate.js';
import type { WorkerStart } from './pool.js';

runKernelThread<WorkerStart>(({ module, memory }, join) => {
  const kernels = instantiate(module, memory);
  join();
  kernels.work();
});
