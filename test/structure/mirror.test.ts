/** An operation exists under one name everywhere: types, file form, reference, wasm, native, conformance. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { OP_NAMES } from '../../src/plan/file.js';
import { CASES } from '../conformance/cases.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));

test('every operation has conformance cases', () => {
  assert.deepEqual(Object.keys(CASES).sort(), [...OP_NAMES].sort());
});

const FOLDERS = [
  ['src/backend/reference', 'ts'],
  ['assembly', 'ts'],
  ['cpp/cpu', 'inc'],
  ['cuda', 'cu'],
];

for (const [folder, extension] of FOLDERS)
  test(`every operation has a file in ${folder}`, () => {
    const missing = OP_NAMES.filter((op) => !existsSync(`${root}${folder}/${op}.${extension}`));
    assert.deepEqual(missing, []);
  });
