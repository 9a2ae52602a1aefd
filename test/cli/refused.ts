/** What every refusal of bad input has in common. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { incache, Workplace } from './run.js';

export interface BadInput {
  readonly name: string;
  readonly args: readonly string[];
  /** What the one line must say: the argument, its value, what was expected. */
  readonly says: readonly string[];
}

/** A test for each: exit code 2, one line on stderr and no trace, nothing on stdout, nothing on disk. */
export function testRefusals(cases: readonly BadInput[]): void {
  for (const { name, args, says } of cases)
    test(name, async () => {
      using place = new Workplace();
      const { code, stdout, stderr } = await incache(args, place.folder);
      assert.equal(code, 2, stderr);
      assert.equal(stdout, '');
      assert.match(stderr, /^incache: [^\n]+\n$/);
      for (const words of says) assert.ok(stderr.includes(words), `'${words}' is not in: ${stderr}`);
      assert.deepEqual(place.files, [], 'nothing is left on disk');
    });
}
