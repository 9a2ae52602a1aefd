/** An operation exists under one name everywhere: types, file form, reference, wasm, native, CUDA, conformance. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { OP_NAMES } from '../../src/plan/schema.js';
import { CASES } from '../conformance/cases.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));

test('every operation has conformance cases', () => {
  assert.deepEqual(Object.keys(CASES).sort(), [...OP_NAMES].sort());
});

test('every operation is in a plan that fuzzing begins with', () => {
  const folder = `${root}test/data/fuzz/plan`;
  const seeds = readdirSync(folder).map((name) => readFileSync(`${folder}/${name}`, 'latin1'));
  assert.deepEqual(
    OP_NAMES.filter((op) => !seeds.some((seed) => seed.includes(`"op":"${op}"`))),
    [],
  );
});

const PLACES = [
  [['src/backend/reference'], 'ts'],
  [['assembly'], 'ts'],
  [['src/backend/gpu/operations'], 'ts'],
  [['cpp/cpu'], 'inc'],
  [['cuda', 'cuda/small'], 'cu'],
] as const;

for (const [folders, extension] of PLACES)
  test(`every operation has a file in ${folders.join(' or ')}`, () => {
    const isThere = (op: string) =>
      folders.some((folder) => existsSync(`${root}${folder}/${op}.${extension}`));
    assert.deepEqual(
      OP_NAMES.filter((op) => !isThere(op)),
      [],
    );
  });
