/** The rows that the demo compares, and the files of the model that they go by. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { contendersOf } from '../../src/cli/demo/contenders.js';
import { demoSubject } from '../../src/cli/demo/subject.js';
import { DenoiserCheckpoint } from '../../src/index.js';

const subject = demoSubject();

test('factors and recipe belong to the weights that lie beside them', () => {
  using checkpoint = new DenoiserCheckpoint(subject.model);
  subject.factors.requireModel(checkpoint.hash, checkpoint.path);
  const { modelHash, steps, guidanceScale } = subject.recipe.info;
  assert.deepEqual([modelHash, steps], [checkpoint.hash, subject.steps]);
  assert.equal(guidanceScale, subject.request.guidanceScale);
});

test('the package of the model contains them', () => {
  const { files } = JSON.parse(readFileSync(join(subject.model, 'package.json'), 'utf8'));
  for (const file of ['factors.safetensors', 'recipe.safetensors']) assert.ok(files.includes(file), file);
});

test('the recipe has a row where it was made for so many steps', () => {
  const names = (steps: number) => contendersOf(subject, steps, 2).map(({ policy }) => policy);
  assert.equal(names(subject.steps).length, 5);
  assert.match(names(subject.steps)[4]!, /^recipe: \w+/);
  assert.equal(names(subject.steps + 1).length, 4);
});

test('fewer steps take as many multiply-adds as reuse, nearly', () => {
  for (const [steps, period, fewer] of [
    [20, 2, 10],
    [20, 3, 7],
    [5, 2, 3],
    [2, 50, 1],
  ] as const) {
    const [full, few, reuse] = contendersOf(subject, steps, period);
    assert.deepEqual([full!.steps, few!.steps, reuse!.steps], [steps, fewer, steps]);
  }
});
