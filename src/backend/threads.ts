/** How many threads a device has, and what is said when the system does not give them. */
import { usableProcessors } from '#platform/machineLimits';
import { IncacheError } from '../errors.js';

/** Threads of a device when none are asked for: one for each processor that this process may use, up to `most`. */
export function defaultThreads(most: number): number {
  return Math.min(usableProcessors().count, most);
}

/** `up to 2 threads`, and why not one for each processor where that is so. */
export function threadsText(most: number): string {
  const { count, reason } = usableProcessors();
  const threads = Math.min(count, most);
  return `up to ${threads} ${threads === 1 ? 'thread' : 'threads'}${reason ? ` (${reason})` : ''}`;
}

/** The error for threads that were asked for explicitly and could not all be started. */
export function threadsRefused(asked: number, given: number, reason: string): IncacheError {
  return new IncacheError(
    `cannot start ${asked} threads: the system gives ${given} at most (${reason}); with 1 it has to start none`,
  );
}
