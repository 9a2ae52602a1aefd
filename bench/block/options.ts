/** The command line of the block's benchmark; `main.ts` hands it on to a process for each number of threads. */
import { parseArgs } from 'node:util';
import { ArgumentError } from '../../src/errors.js';
import { namedConfig } from '../../src/models/dit/config.js';
import { CHECK_FLAGS, CHECK_USAGE, type CheckOptions, checkOptions } from '../benchmark.js';

export interface BlockOptions extends CheckOptions {
  /** A size of the DiT paper. */
  readonly model: string;
  readonly threads: readonly number[];
  /** Fewer rounds: to see that it works. */
  readonly quick: boolean;
  /** With peers of which one block takes half a minute. */
  readonly slowPeers: boolean;
}

const MODEL = 'DiT-XL/2';
const THREADS = '1,2';

export const USAGE = `npm run bench:block -- [options]

  --model <name>         a size of the DiT paper (${MODEL})
  --threads <list>       numbers of threads (${THREADS})
  --quick                few rounds: to see that it works
  --slow-peers           with peers of which one block takes half a minute
${CHECK_USAGE}`;

/** Throws an `ArgumentError`, or a `TypeError` of an option that there is not. */
export function parseBlockOptions(args: readonly string[]): BlockOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      model: { type: 'string', default: MODEL },
      threads: { type: 'string', default: THREADS },
      quick: { type: 'boolean', default: false },
      'slow-peers': { type: 'boolean', default: false },
      ...CHECK_FLAGS,
    },
  });
  namedConfig(values.model);
  const threads = values.threads.split(',').map(Number);
  if (!threads.every((count) => Number.isInteger(count) && count >= 1))
    throw new ArgumentError('--threads', values.threads, 'numbers of threads, as in 1,2');
  return {
    model: values.model,
    threads,
    quick: values.quick,
    slowPeers: values['slow-peers'],
    ...checkOptions(values),
  };
}

/** Whether the run is another than the one that is stored. */
export function isPartial({ model, threads, quick }: BlockOptions): boolean {
  return quick || model !== MODEL || threads.join() !== THREADS;
}
