/** Frechet distances that do not hold up the event loop: with 2,048 features one takes a minute. */
import { Worker } from 'node:worker_threads';
import { frechetDistance } from './frechet.js';
import type { Gaussian } from './gaussian.js';

/** Features up to which a distance takes less than a thread takes to start. */
const FEW = 128;

/**
 * As `frechetDistance`, on a thread of its own when there are many features. Rejects with the signal's reason when it is
 * aborted, at once.
 */
export async function frechetDistanceOnThread(
  a: Gaussian,
  b: Gaussian,
  signal?: AbortSignal,
): Promise<number> {
  signal?.throwIfAborted();
  if (a.mean.length <= FEW || a.mean.length !== b.mean.length) return frechetDistance(a, b);
  const worker = new Worker(new URL('./frechetWorker.js', import.meta.url), {
    workerData: { a, b },
    execArgv: [],
  });
  const stop = () => void worker.terminate();
  signal?.addEventListener('abort', stop, { once: true });
  try {
    const found = await new Promise<number | undefined>((resolve) => {
      worker.once('message', resolve);
      worker.once('error', () => resolve(undefined));
      worker.once('exit', () => resolve(undefined));
    });
    signal?.throwIfAborted();
    // Where no thread can be had, or a bundle has left its file behind, this one has to do.
    return found ?? frechetDistance(a, b);
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}
