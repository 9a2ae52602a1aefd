import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FormatError } from '../../src/errors.js';
import { parsePythonJson, parsePythonObject } from '../../src/weights/pythonJson.js';

test('numbers that JSON does not have are read, within lists and objects', () => {
  const text = '{\n  "a": -Infinity,\n  "b": [Infinity, NaN, 1e-5, -2],\n  "c": null\n}';
  assert.deepEqual(parsePythonJson(text, 'x'), {
    a: Number.NEGATIVE_INFINITY,
    b: [Number.POSITIVE_INFINITY, Number.NaN, 1e-5, -2],
    c: null,
  });
});

test('texts that hold their names stay texts', () => {
  const text = String.raw`{"-Infinity": "NaN", "b": "say \"Infinity\"", "c": "\\", "d": Infinity}`;
  assert.deepEqual(parsePythonJson(text, 'x'), {
    '-Infinity': 'NaN',
    b: 'say "Infinity"',
    c: '\\',
    d: Number.POSITIVE_INFINITY,
  });
});

test('what is no JSON, and no object, is refused with the name of the file', () => {
  for (const text of ['', '{', 'Infinity2', '{"a": --Infinity}', '{a: NaN}', '"', '<html>'])
    assert.throws(
      () => parsePythonJson(text, 'config.json'),
      (error) => error instanceof FormatError && /^config\.json is not JSON: /.test(error.message),
    );
  for (const text of ['[1]', 'null', '3', 'NaN'])
    assert.throws(() => parsePythonObject(text, 'config.json'), {
      message: 'config.json is not a JSON object',
    });
});
