/** The suites that every backend passes, on the emulator, each in a process of its own. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Place } from './places.js';

const NAMES = ' (on|of) cuda';
/** Of the files of cached runs one: the others have the same plans, with factors of other values. */
const CACHED_RUNS = '\\.cd-\\S+ on cuda';

/** With the names of what is run. */
const SUITES: readonly (readonly [string, string])[] = [
  ['conformance/conformance', NAMES],
  ['conformance/rowScaled', NAMES],
  ['models/golden', NAMES],
  ['cache/golden', CACHED_RUNS],
  ['engine/sessionPlan', NAMES],
  ['calibrate/sensitivity.golden', NAMES],
];

export function testSuites({ name, skip, environment }: Place): void {
  describe(`suites on ${name}`, { skip }, () => {
    for (const [suite, names] of SUITES)
      test(suite, () => {
        const file = fileURLToPath(new URL(`../${suite}.test.js`, import.meta.url));
        const args = ['--test', '--test-reporter=tap', `--test-name-pattern=${names}`, file];
        // With it Node would take the child for a part of this run.
        const { NODE_TEST_CONTEXT: _, ...outside } = process.env;
        const env = { ...outside, ...environment };
        const { status, stdout, stderr } = spawnSync(process.execPath, args, {
          encoding: 'utf8',
          env,
          maxBuffer: 2 ** 26,
        });
        assert.equal(status, 0, stdout + stderr);
        assert.ok(Number(/^# pass (\d+)$/m.exec(stdout)?.[1]) > 0, `nothing was tested:\n${stdout}`);
      });
  });
}
