/** What a tokenizer does with prompts and files that nobody recorded. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { ArgumentError, FormatError } from '../../src/errors.js';
import { T5Tokenizer } from '../../src/text/t5Tokenizer.js';

const folder = mkdtempSync(join(tmpdir(), 'incache-tokenizer-'));
after(() => rmSync(folder, { recursive: true }));

/** A vocabulary in which every way to split `aaa` costs the same: the first one found stays. */
const VOCABULARY: readonly (readonly [string, number])[] = [
  ['<pad>', 0],
  ['</s>', 0],
  ['<unk>', 0],
  ['▁', -2],
  ['a', -1],
  ['aa', -2],
  ['▁aaa', -4.5],
];

function write(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

function tokenizerJson(changes: object = {}): string {
  const added_tokens = ['<pad>', '</s>', '<unk>'].map((content, id) => ({ id, content }));
  const model = { type: 'Unigram', unk_id: 2, vocab: VOCABULARY, ...changes };
  return write('tokenizer.json', JSON.stringify({ added_tokens, normalizer: null, model }));
}

test('of ways that are equally good the first one stays; unknown characters that touch are one', () => {
  const tokenizer = T5Tokenizer.open(tokenizerJson());
  assert.deepEqual(tokenizer.tokenize('aaa'), [6, 1]);
  assert.deepEqual(tokenizer.tokenize('aa'), [3, 5, 1]);
  assert.deepEqual(tokenizer.tokenize('xyza'), [3, 2, 4, 1]);
  assert.deepEqual(tokenizer.tokenize(''), [1]);
  assert.deepEqual(tokenizer.tokenize('\u0000'), [3, 2, 1]);
});

test('lone surrogates are one unknown character, as U+FFFD is', () => {
  const tokenizer = T5Tokenizer.open(tokenizerJson());
  assert.deepEqual(tokenizer.tokenize('a\ud800'), tokenizer.tokenize('a\ufffd'));
});

test('a prompt of 10 MB gives the tokens of its beginning', () => {
  const tokenizer = T5Tokenizer.open(tokenizerJson());
  const tokens = tokenizer.encode('aaa '.repeat(2_500_000), 120);
  assert.deepEqual([...tokens.ids], [...new Array(119).fill(6), 1]);
  assert.ok(tokens.cut);
});

test('a prompt without a space is split to its end where it must be', () => {
  const tokenizer = T5Tokenizer.open(tokenizerJson());
  assert.equal(tokenizer.encode('b'.repeat(100_000), 120).length, 3);
});

test('files that are no tokenizer are refused in a sentence', () => {
  assert.throws(() => T5Tokenizer.open(`${folder}/none`), ArgumentError);
  const named = (name: string, changes: object) => write(name, readFileSync(tokenizerJson(changes)));
  const cases: readonly [string, RegExp][] = [
    [named('bpe.json', { type: 'BPE' }), /type "BPE"; expected Unigram/],
    [named('unknown.json', { unk_id: 99 }), /unknown \(unk_id\)/],
    [named('scores.json', { vocab: VOCABULARY.map(([piece]) => piece) }), /expected Unigram/],
    [write('other.json', '[1]'), /other.json/],
    [write('cut.model', Uint8Array.of(0x0a, 0x20, 0x01)), /ends in the middle of a field/],
    [write('empty.model', new Uint8Array(0)), /no pieces/],
    [write('wire.model', Uint8Array.of(0x0f)), /the SentencePiece model .*wire type 7/],
  ];
  for (const [path, message] of cases)
    assert.throws(
      () => T5Tokenizer.open(path),
      (error: Error) =>
        error instanceof FormatError && message.test(error.message) && error.message.includes(path),
    );
});

test('arguments are named', () => {
  const tokenizer = T5Tokenizer.open(tokenizerJson());
  assert.throws(() => tokenizer.encode(7 as never, 120), /prompt is 7; expected a string/);
  assert.throws(() => tokenizer.encode('a', 0), /length is 0/);
});
