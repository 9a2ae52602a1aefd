/** Token ids of SentencePiece and of transformers' `T5Tokenizer`, recorded for awkward strings: `strings.json` beside a tokenizer. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { T5Tokenizer } from '../../src/text/t5Tokenizer.js';
import { goldenFiles, goldenFolder, readGoldenText, requireKind } from '../support/golden.js';

interface Recorded {
  readonly text: string;
  readonly hf_slow_ids: readonly number[];
  /** Tokens that are no padding when the text is cut to 120 or 300. */
  readonly len120?: number;
  readonly len300?: number;
}

const folders = ['t5', 'text/t5', 'umt5', 'text/umt5'].filter(
  (folder) => goldenFiles(/^strings\.json$/, `${folder}/tokenizer`).length > 0,
);
requireKind('strings of a T5 tokenizer', folders);

for (const folder of folders) {
  const { strings }: { strings: readonly Recorded[] } = JSON.parse(
    readGoldenText(`${folder}/tokenizer/strings.json`),
  );
  for (const file of ['spiece.model', 'tokenizer.json']) {
    const path = `${goldenFolder()}/${folder}/tokenizer/${file}`;
    const skip = !existsSync(path) && `no ${file}`;
    test(`${folder}: ${strings.length} strings by ${file}`, { skip }, () => {
      const tokenizer = T5Tokenizer.open(path);
      for (const { text, hf_slow_ids: ids, len120, len300 } of strings) {
        assert.deepEqual(tokenizer.tokenize(text), ids, JSON.stringify(text.slice(0, 80)));
        for (const [length, kept] of [[120, len120] as const, [300, len300] as const]) {
          const tokens = tokenizer.encode(text, length);
          const expected = ids.length > length ? [...ids.slice(0, length - 1), 1] : ids;
          assert.deepEqual([...tokens.ids.subarray(0, tokens.length)], expected, JSON.stringify(text));
          assert.ok(tokens.ids.subarray(tokens.length).every((id) => id === 0));
          assert.equal(tokens.cut, ids.length > length);
          if (kept !== undefined) assert.equal(tokens.length, kept);
        }
      }
    });
  }
}
