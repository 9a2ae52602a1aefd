/** What is made from the schema is what is committed. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

test('the tables of C++ and of docs/plans.md follow from the schema', () => {
  const script = fileURLToPath(new URL('../../../scripts/plan-tables.mjs', import.meta.url));
  const { status, stderr } = spawnSync(process.execPath, [script, '--check'], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
});
