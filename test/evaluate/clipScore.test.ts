/** CLIP score: the tokenizer, the pictures that the model gets, and cosines of tiny models that are written here. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import * as ort from 'onnxruntime-web';
import { OnnxGraph } from '../../bench/onnx/graph.js';
import { resizeBicubic } from '../../src/evaluate/features/bicubic.js';
import { type ClipFiles, ClipScore } from '../../src/evaluate/features/clipScore.js';
import type { OnnxRuntime } from '../../src/evaluate/features/onnxRuntime.js';
import { ClipTokenizer } from '../../src/text/clipTokenizer.js';
import { assertClose } from '../support/compare.js';
import { temporaryFolder } from '../support/folder.js';
import { Random } from '../support/random.js';

const folder = temporaryFolder();
const [SIDE, TOKENS, WIDTH, IMAGES] = [6, 8, 3, 2];
/** Two words, an accent in two bytes and what CLIP begins and ends with. */
const PIECES = ['a', 'b', 'a</w>', 'b</w>', 'ab</w>', 'Ã', '©</w>', 'Ã©</w>', "'s</w>", "'", 's</w>'];
const VOCABULARY = Object.fromEntries(
  [...PIECES, '<|startoftext|>', '<|endoftext|>'].map((piece, id) => [piece, id]),
);
const [START, END] = [PIECES.length, PIECES.length + 1];
const MERGES = ['a b</w>', 'Ã ©</w>', "' s</w>"];
const runtime = ort as unknown as OnnxRuntime;
const random = new Random(4);
const table = random.normals((END + 1) * WIDTH).map((value) => -value);

function file(name: string, content: string | Uint8Array): string {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
}

/** Means of the channels. */
function imageModel(channels = 3): Uint8Array {
  const graph = new OnnxGraph('image');
  const x = graph.input('pixel_values', [IMAGES, channels, SIDE, SIDE]);
  graph.node('Flatten', [graph.node('GlobalAveragePool', [x])], {}, { output: 'image_embeds' });
  graph.output('image_embeds', [IMAGES, channels]);
  return graph.model();
}

/** Rows of a table, summed over the tokens. */
function textModel(): Uint8Array {
  const graph = new OnnxGraph('text');
  const ids = graph.input('input_ids', [IMAGES, TOKENS], 'int64');
  const rows = graph.node('Gather', [graph.constant('table', [END + 1, WIDTH], table), ids]);
  const axes = graph.constant('axes', [1], BigInt64Array.of(1n));
  graph.node('ReduceSum', [rows, axes], { keepdims: 0 }, { output: 'text_embeds' });
  graph.output('text_embeds', [IMAGES, WIDTH]);
  return graph.model();
}

const tokenizer = file(
  'tokenizer.json',
  JSON.stringify({ model: { type: 'BPE', vocab: VOCABULARY, merges: MERGES } }),
);
const files: ClipFiles = {
  ...{ image: file('image.onnx', imageModel()), text: file('text.onnx', textModel()) },
  ...{ tokenizer, runtime },
};

test('texts become lower-case byte pairs between start and end, cut and filled up', () => {
  const clip = ClipTokenizer.load(tokenizer);
  const encode = (text: string, length = TOKENS) => clip.encode(text, length);
  assert.deepEqual(encode('AB  a'), { ids: [START, 4, 2, END, END, END, END, END], used: 4 });
  assert.deepEqual(encode("é b's").ids.slice(0, 5), [START, 7, 3, 8, END]);
  assert.deepEqual(encode('').used, 2);
  assert.deepEqual(encode('a b a b a', 4), { ids: [START, 2, 3, END], used: 4 });
  assert.equal(encode('z').ids[1], END, 'what is unknown is the end, as in CLIP');
  assert.deepEqual(encode('b<|endoftext|>').ids.slice(0, 3), [START, 3, END]);
});

test('bicubic resizing keeps constants, lines inside and pictures of the same size', () => {
  const picture = (height: number, width: number, value: (y: number, x: number) => number) => ({
    data: Float32Array.from({ length: height * width }, (_, i) => value(Math.floor(i / width), i % width)),
    shape: [1, 1, height, width] as const,
  });
  const noise = random.normals(15);
  const own = picture(3, 5, (y, x) => noise[y * 5 + x]!);
  assert.deepEqual(resizeBicubic(own, 3, 5).data, own.data);
  for (const [height, width] of [
    [2, 3],
    [7, 11],
  ] as const)
    assertClose(
      resizeBicubic(
        picture(3, 5, () => 0.25),
        height,
        width,
      ).data,
      new Float32Array(height * width).fill(0.25),
      1e-6,
      'constant',
    );
  const line = resizeBicubic(
    picture(1, 20, (_, x) => x),
    1,
    40,
  ).data.slice(8, 32);
  assertClose(
    line,
    Float32Array.from({ length: 24 }, (_, i) => (i + 8.5) / 2 - 0.5),
    1e-5,
    'line',
  );
  // Halved, the filter is twice as wide.
  const peak = resizeBicubic(
    picture(1, 16, (_, x) => (x === 8 ? 1 : 0)),
    1,
    8,
  ).data;
  const cubic = (x: number) => (x < 1 ? (1.5 * x - 2.5) * x * x + 1 : ((-0.5 * x + 2.5) * x - 4) * x + 2);
  assert.ok(Math.abs(peak[4]! - cubic(0.25) / 2) < 1e-3 && Math.abs(peak[3]! - cubic(0.75) / 2) < 1e-3);
});

describe('CLIP score', () => {
  test('is 100 times the cosine of the embeddings, never below 0', async () => {
    const clip = await ClipScore.load(files);
    const data = random
      .normals(IMAGES * 3 * SIDE * SIDE)
      .map((value) => Math.max(-1, Math.min(1, value / 2)));
    const captions = ['ab', 'b a b'];
    const scores = await clip.scores({ data, shape: [IMAGES, 3, SIDE, SIDE] }, captions);
    const [mean, deviation] = [
      [0.48145466, 0.4578275, 0.40821073],
      [0.26862954, 0.26130258, 0.27577711],
    ];
    const expected = captions.map((caption, image) => {
      const picture = Array.from({ length: 3 }, (_, c) => {
        const plane = data.subarray((image * 3 + c) * SIDE ** 2, (image * 3 + c + 1) * SIDE ** 2);
        const bytes = Array.from(plane, (value) => Math.round(127.5 * (value + 1)) / 255);
        return (bytes.reduce((a, b) => a + b) / SIDE ** 2 - mean[c]!) / deviation[c]!;
      });
      const { ids } = clip.tokenizer.encode(caption, TOKENS);
      const text = Array.from({ length: WIDTH }, (_, i) =>
        ids.reduce((sum, id) => sum + table[id * WIDTH + i]!, 0),
      );
      const dot = (a: number[], b: number[]) => a.reduce((sum, value, i) => sum + value * b[i]!, 0);
      return 100 * Math.max(0, dot(picture, text) / Math.sqrt(dot(picture, picture) * dot(text, text)));
    });
    for (const [i, score] of scores.entries())
      assert.ok(Math.abs(score - expected[i]!) < 0.05, `${score} ${expected[i]}`);
    assert.ok(expected.some((score) => score > 0));
    await assert.rejects(clip.scores({ data, shape: [IMAGES, 3, SIDE, SIDE] }, ['a']), {
      message: "captions is '1 of them'; expected 2, one a picture",
    });
    await clip.dispose();
  });

  for (const [name, changed, message] of [
    [
      'grey pictures',
      { image: file('grey.onnx', imageModel(1)) },
      /image model takes pixel_values .*expected float32 pictures, images x 3/,
    ],
    ['models that are exchanged', { image: files.text, text: files.image }, /image model takes input_ids/],
    ['a file that is no model', { text: file('none.onnx', 'none') }, /none\.onnx is not an ONNX model/],
    [
      'a tokenizer of another kind',
      { tokenizer: file('other.json', '{"model":{"type":"Unigram","vocab":[]}}') },
      /no byte pairs/,
    ],
    [
      'a tokenizer without its ends',
      { tokenizer: file('ends.json', '{"model":{"vocab":{"a":0},"merges":[]}}') },
      /no tokens <\|startoftext\|>/,
    ],
    ['a file that is not there', { image: join(folder, 'absent.onnx') }, /cannot read .*absent\.onnx/],
  ] as const)
    test(`${name}: refused in a sentence`, async () => {
      await assert.rejects(ClipScore.load({ ...files, ...changed }), { message });
    });
});
