/** Captions that nobody recorded. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cleanCaption } from '../../src/text/cleanCaption.js';

test('the first 4,096 characters of a caption count', () => {
  assert.equal(cleanCaption('a.'.repeat(2 ** 22)), cleanCaption('a.'.repeat(2048)));
});
