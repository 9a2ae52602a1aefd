/** What the command line says beside results. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withHint } from '../../src/cli/aliases.js';
import { longWork } from '../../src/cli/commands/calibrate.js';

test('first-use: work that takes long is announced, with what makes it less', () => {
  assert.equal(longWork(6, 3, 100), undefined);
  const sentence = longWork(6, 3, 1600);
  assert.match(sentence!, /^1600 evaluations of the model take about 54 min here; .*--count or --steps/);
});

test('first-use: options of other libraries are unknown with a hint, others as they are', () => {
  assert.match(withHint("unknown option '--device=gpu'"), /^unknown option '--device': .*--backend$/);
  for (const text of [
    "unknown option '--colour'",
    "unknown option '--constructor'",
    "unknown command '--device'",
  ])
    assert.equal(withHint(text), text);
});
