import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { StabilityFigures } from './process.js';

const PROGRAM = fileURLToPath(new URL('process.js', import.meta.url));

/** The nursery of the engine grows from 1 to 16 MiB (three times, two halves) with what passes through it: kept small. */
const FLAGS = ['--expose-gc', '--max-semi-space-size=1'];

/** glibc has a heap for every few threads, each of which keeps some MiB of what was freed in it. */
const ONE_HEAP = { MALLOC_ARENA_MAX: '1' };

/** What memory does over so many cycles and stopped runs of the model, in a process of its own. Throws when that fails. */
export function measureStability(
  backend: string,
  model: string,
  cycles: number,
  abortedRuns: number,
): StabilityFigures {
  const output = execFileSync(
    process.execPath,
    [...FLAGS, PROGRAM, backend, model, String(cycles), String(abortedRuns)],
    {
      encoding: 'utf8',
      env: { ...process.env, ...ONE_HEAP },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  return JSON.parse(output);
}
