/** Labels by number and by name. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { imageNetNames } from '../../src/models/imageNetNames.js';
import { LabelTable } from '../../src/models/labelTable.js';
import { nearest } from '../../src/models/nearest.js';

const NAMES = {
  '0': 'tench, Tinca tinca',
  '1': 'goldfish, Carassius auratus',
  '134': 'crane',
  '207': 'golden retriever',
  '517': 'crane',
  '638': 'maillot',
  '639': 'maillot, tank suit',
};
const table = LabelTable.of(1000, NAMES);
const imageNet = LabelTable.of(1000);

test('numbers are themselves, the null class too, and others are refused', () => {
  for (const label of [0, 999, 1000]) assert.equal(table.find(label), label);
  assert.equal(table.find('88'), 88);
  for (const label of [-1, 1001, 0.5, Number.NaN, '1001'])
    assert.throws(() => table.find(label), {
      name: 'ArgumentError',
      message: /expected an integer from 0 to 1000$/,
    });
});

test('names, in any case and spacing, and several of one class in any order', () => {
  for (const [label, name] of [
    [207, 'golden retriever'],
    [207, '  Golden   RETRIEVER '],
    [0, 'tench'],
    [0, 'Tinca tinca'],
    [0, 'tinca tinca, tench'],
    [639, 'tank suit,maillot'],
  ] as const)
    assert.equal(table.find(name), label, name);
});

test('a name that several classes have is that of the last, as in diffusers', () => {
  assert.equal(table.find('crane'), 517);
  assert.equal(table.find('maillot'), 639);
});

test('a name that no class has: the three nearest are told', () => {
  for (const [name, nearby] of [
    [
      'goldn retriever',
      /^label is 'goldn retriever'; expected a class from 0 to 1000 or a name, such as 'golden retriever' \(207\), '.*' \(\d+\), '.*' \(\d+\)$/,
    ],
    ['gold fish', /such as 'goldfish' \(1\)/],
    ['retriever', /such as 'golden retriever' \(207\)/],
    ['', /or a name, such as '/],
    [' , ', /or a name, such as '/],
    ['constructor', /or a name, such as '/],
    ['tench, dragon', /^label is 'tench, dragon'; expected a class/],
  ] as const)
    assert.throws(() => table.find(name), { name: 'ArgumentError', message: nearby });
  assert.throws(() => table.find('tench, goldfish'), {
    message: /expected names of one class, or a list of labels$/,
  });
  assert.throws(() => imageNet.find('x'.repeat(1e6)), { name: 'ArgumentError' });
});

test('a model without names says so', () => {
  assert.throws(() => LabelTable.of(10).find('seven'), {
    message: "label is 'seven'; expected a class from 0 to 10; this model has no names for them",
  });
});

test('in a list names that follow one another as in the table are one label', () => {
  for (const [list, labels] of [
    ['tench, Tinca tinca', [0]],
    ['tench,tench', [0, 0]],
    ['Tinca tinca,tench', [0, 0]],
    ['maillot,tank suit,crane', [639, 517]],
    ['golden retriever,goldfish', [207, 1]],
  ] as const)
    assert.deepEqual(table.findAll(list.split(',')), labels, list);
  assert.deepEqual(table.findAll([3, 'tench', 'Tinca tinca', 4, 'goldfish']), [3, 0, 4, 1]);
});

test('what is no label in an id2label is left out', () => {
  const odd = LabelTable.of(3, { '0': 'zero', '3': 'three', '-1': 'minus', x: 'x', '1': 7, '02': 'two' });
  assert.deepEqual(
    [...odd.names],
    [
      [0, 'zero'],
      [2, 'two'],
    ],
  );
});

test("ImageNet's names: a thousand, in DiT's order", () => {
  const names = imageNetNames();
  assert.equal(names.length, 1000);
  assert.ok(names.every((name) => name !== '' && name === name.trim()));
  for (const [label, name] of [
    ...Object.entries(NAMES),
    [979, 'valley, vale'],
    [999, 'toilet tissue, toilet paper, bathroom tissue'],
  ])
    assert.equal(names[Number(label)], name);
  // Every class is found by its whole text, but for those that a later class has among its own.
  const wrong = names.flatMap((name, label) => (imageNet.find(name) === label ? [] : [label]));
  assert.deepEqual(wrong, [134, 638, 657]);
  assert.equal(imageNet.names.size, 1000);
  assert.equal(LabelTable.of(999).names.size, 0);
});

test('nearest sorts by few other letters, and parts before them', () => {
  assert.deepEqual(nearest('cat', ['car', 'tiger cat', 'dog', 'cat'], 3), ['cat', 'tiger cat', 'car']);
  assert.deepEqual(nearest('', ['ab', 'a'], 1), ['a']);
});
