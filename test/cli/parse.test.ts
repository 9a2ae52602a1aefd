import assert from 'node:assert/strict';
import { test } from 'node:test';
import { integerList, labelList } from '../../src/cli/parse.js';

test('label-range: ranges are bounded before they are walked', () => {
  for (const parse of [integerList('labels'), labelList('labels')]) {
    assert.throws(() => parse('999999999999999999999'), {
      message: "labels is '999999999999999999999'; expected integers of at most 9007199254740991",
    });
    for (const text of ['9007199254740992', '9007199254740990-9007199254740993', `${'9'.repeat(400)}`])
      assert.throws(() => parse(text), { name: 'ArgumentError', argument: 'labels' }, text);
    assert.throws(() => parse('0-9007199254740991'), { message: /expected at most 1000000 numbers$/ });
    assert.deepEqual(parse('9007199254740990-9007199254740991'), [9007199254740990, 9007199254740991]);
    assert.deepEqual(parse('0, 3 ,5-7'), [0, 3, 5, 6, 7]);
  }
});

test('labels may be names, between numbers and ranges', () => {
  const parse = labelList('labels');
  assert.deepEqual(parse("golden retriever,3-4, jack-o'-lantern"), [
    'golden retriever',
    3,
    4,
    " jack-o'-lantern",
  ]);
  for (const text of ['', '0,,1', '-', '3-', '1-2-3', ' '])
    assert.throws(() => parse(text), /expected integers and ranges/);
});
