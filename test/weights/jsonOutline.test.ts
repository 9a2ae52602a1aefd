import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { outlineJson } from '../../src/weights/jsonOutline.js';

function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

test('keys and depth are those that the parser finds, whatever the texts hold', () => {
  const text = fc.string({ unit: fc.constantFrom('"', '\\', '{', '}', '[', ']', ':', ',', 'a', '\n', 'é') });
  const values = fc.letrec((tie) => ({
    value: fc.oneof({ maxDepth: 4 }, text, fc.integer(), tie('list'), tie('object')),
    list: fc.array(tie('value'), { maxLength: 3 }),
    object: fc.dictionary(text, tie('value'), { maxKeys: 4 }),
  }));
  fc.assert(
    fc.property(values.object, fc.constantFrom(undefined, 2), (object, indent) => {
      const json = JSON.stringify(object, undefined, indent);
      const depth = depthOf(object);
      const { tooDeep, keys } = outlineJson(json, depth);
      assert.equal(tooDeep, false);
      assert.deepEqual(
        keys.map((key) => JSON.parse(key)),
        Object.keys(object as object),
      );
      assert.equal(outlineJson(json, depth - 1).tooDeep, true);
    }),
    { numRuns: 500 },
  );
});

test('the keys of an object are all there, equal ones too', () => {
  assert.deepEqual(outlineJson('{"a": 1, "b": {"c": 2}, "a" : ["d"]}', 3).keys, ['"a"', '"b"', '"a"']);
});

test('text that is not JSON is looked at to its end', () => {
  for (const text of ['', '"', '"\\', ':', '}}{', '{"a'])
    assert.equal(outlineJson(text, 3).tooDeep, false, text);
});
