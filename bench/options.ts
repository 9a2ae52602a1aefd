/** The command line of the kernels' benchmark. */
import { parseArgs } from 'node:util';
import { ArgumentError } from '../src/errors.js';
import { CHECK_FLAGS, CHECK_USAGE, type CheckOptions, checkOptions } from './benchmark.js';
import type { Level } from './kernels/case.js';

export interface BenchOptions extends CheckOptions {
  readonly level: Level;
  /** Part of a kernel's name and shape, and of a build's name; empty for all. */
  readonly filter: string;
  readonly builds: string;
  readonly out?: string | undefined;
}

export const USAGE = `npm run bench -- [name] [options]

  name, --filter <text>  kernels and shapes with the text in them, as in 'attention' or 'XL/2 fc1'
  --builds <text>        builds with the text in their names, as in 'simd' or 'bf16, 1 thread'
  --quick                a case a kernel, few rounds: a minute
  --full                 every model, layer, form and rank: half an hour
${CHECK_USAGE}  --out <file>           where the result goes (bench/results/kernels-<machine>-<date>.json)
`;

/** Throws an `ArgumentError`, or a `TypeError` of an option that there is not. */
export function parseOptions(args: readonly string[]): BenchOptions {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      filter: { type: 'string' },
      builds: { type: 'string' },
      quick: { type: 'boolean' },
      full: { type: 'boolean' },
      ...CHECK_FLAGS,
      out: { type: 'string' },
    },
  });
  if (values.quick && values.full) throw new ArgumentError('--full', true, 'not both of --quick and --full');
  return {
    level: values.quick ? 'quick' : values.full ? 'full' : 'default',
    filter: values.filter ?? positionals.join(' '),
    builds: values.builds ?? '',
    ...checkOptions(values),
    out: values.out,
  };
}
