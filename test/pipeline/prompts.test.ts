/** Prompts: what is refused, what is encoded once, and what embeddings that are kept or given change: nothing. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { T5TextEncoder } from '../../src/engine/t5TextEncoder.js';
import { NULL_CAPTION } from '../../src/models/pixart/config.js';
import type { LoadOptions } from '../../src/pipeline/loadOptions.js';
import type { SampleOptions } from '../../src/pipeline/options.js';
import { Pipeline } from '../../src/pipeline/pipeline.js';
import { loadEmbeddings, saveEmbeddings } from '../../src/pipeline/text/embeddings.js';
import type { TextOptions } from '../../src/pipeline/text/textOptions.js';
import { writeSafetensors } from '../../src/weights/safetensors.js';
import { assertClose } from '../support/compare.js';
import { temporaryFolder } from '../support/folder.js';
import { Random } from '../support/random.js';
import { writeTinyPixArt } from '../support/tinyPixArt.js';
import { writeTinyT5 } from '../support/tinyT5.js';

const folder = temporaryFolder();
const cache = temporaryFolder();
const tokenizer = fileURLToPath(new URL('../../../test/golden/text/t5/tokenizer', import.meta.url));
const model = writeTinyPixArt(join(folder, 'pixart.safetensors'));
const encoder = (name: string, changes: object = {}) =>
  writeTinyT5(join(folder, name), { vocab_size: 2176, ...changes }).folder;
const textEncoder = encoder('t5');

const load = (options: LoadOptions = {}) =>
  Pipeline.load(model, { backend: 'wasm', threads: 1, textEncoder, tokenizer, ...options });
const draw = async (options: LoadOptions, run: SampleOptions): Promise<Float32Array> => {
  await using pipeline = await load(options);
  return (await pipeline.generateLatents({ steps: 2, ...run })).latents;
};

const ofRows = (length: number, value = 1) => ({
  prompts: [{ values: new Float32Array(20 * length).fill(value), length, width: 20 }],
});

describe('prompts', () => {
  let pipeline: Pipeline;
  before(async () => {
    pipeline = await load({ embeddingsCache: cache });
  });
  after(() => pipeline.dispose());
  const latents = async (run: SampleOptions) =>
    (await pipeline.generateLatents({ steps: 2, ...run })).latents;

  test('a picture is of its prompt, whatever is drawn beside it and in which batch', async () => {
    const prompts = ['a fox', 'a red moon over a hill', 'a fox'];
    const together = await latents({ prompts });
    const apart = await latents({ prompts, batch: 1 });
    assertClose(apart, together, 1e-5, 'one by one');
    const size = together.length / 3;
    const second = await latents({ prompts: prompts[1]!, firstImage: 1 });
    assertClose(second, together.subarray(size, 2 * size), 1e-5, 'the second alone');
    const other = await latents({ prompts: 'a dog', firstImage: 1 });
    assert.throws(() => assertClose(other, second, 1e-3, 'another prompt'));
  });

  test('the negative prompt counts, and is the empty text by default', async () => {
    const plain = await latents({ prompts: 'a fox' });
    assert.deepEqual(await latents({ prompts: 'a fox', negativePrompt: '' }), plain);
    const negative = await latents({ prompts: 'a fox', negativePrompt: 'blurry' });
    assert.throws(() => assertClose(negative, plain, 1e-3, 'with a negative prompt'));
  });

  test('embeddings are those of the prompts, also from a file', async () => {
    const prompts = ['a fox', 'a red moon over a hill'];
    const path = join(folder, 'embeddings.safetensors');
    saveEmbeddings(path, await pipeline.embed({ prompts }));
    const given = await draw({ textEncoder: join(folder, 'none') }, { embeddings: loadEmbeddings(path) });
    assertClose(given, await latents({ prompts }), 1e-6, 'from a file');
  });

  test('a folder keeps embeddings for the next run', async () => {
    const first = await latents({ prompts: 'a kept fox' });
    const kept = readdirSync(cache).length;
    assert.deepEqual(await draw({ embeddingsCache: cache }, { prompts: 'A kept fox ' }), first);
    assert.equal(readdirSync(cache).length, kept);
    await draw(
      { embeddingsCache: cache, textEncoder: encoder('other', { num_heads: 2 }) },
      { prompts: 'a kept fox' },
    );
    assert.ok(readdirSync(cache).length > kept, 'another encoder has files of its own');
  });

  test('a run is told by what embeds its texts, which is nothing where all is embedded', async () => {
    const keyOf = async (options: LoadOptions, run: TextOptions) => {
      await using own = await load(options);
      return own.textEncoderOf(run);
    };
    const prompts = 'a fox';
    const key = pipeline.textEncoderOf({ prompts })!;
    assert.deepEqual(await keyOf({}, { prompts: 'a dog' }), key);
    const tokenizerFile = join(tokenizer, 'spiece.model');
    assert.deepEqual(await keyOf({ tokenizer: tokenizerFile }, { prompts }), key, 'under another path');
    const changed = join(folder, 'spiece.model');
    // A field that readers skip.
    writeFileSync(changed, Buffer.concat([readFileSync(tokenizerFile), Buffer.of(0x78, 1)]));
    const retold = await keyOf({ tokenizer: changed }, { prompts });
    assert.equal(retold!.textEncoder, key.textEncoder);
    assert.notEqual(retold!.tokenizer, key.tokenizer);
    // The weights are the same, and of the same shape.
    const far = encoder('far', { relative_attention_max_distance: 13 });
    const other = await keyOf({ textEncoder: far }, { prompts });
    assert.equal(other!.tokenizer, key.tokenizer);
    assert.notEqual(other!.textEncoder, key.textEncoder);
    const embeddings = ofRows(2);
    assert.deepEqual(pipeline.textEncoderOf({ embeddings }), key, 'for the negative prompt');
    const whole = { ...embeddings, negative: embeddings.prompts };
    assert.equal(pipeline.textEncoderOf({ embeddings: whole }), undefined);
    assert.deepEqual(pipeline.textEncoderOf({ embeddings: whole, negativePrompt: 'blurry' }), key);
  });

  test('the same prompt again is not encoded again', async (context) => {
    const encode = context.mock.method(T5TextEncoder.prototype, 'encode');
    await latents({ prompts: ['a new fox', 'a new moon'] });
    const first = encode.mock.callCount();
    assert.ok(first > 0);
    await latents({ prompts: ['A new fox', 'a new moon '], seed: 4 });
    assert.equal(encode.mock.callCount(), first);
    await latents({ prompts: 'another new fox' });
    assert.equal(encode.mock.callCount(), first + 1);
  });

  test('a prompt that is too long is cut, and that is said once', async () => {
    const long = 'a fox and a dog and a cat and a cow';
    const { report } = await pipeline.generateLatents({ steps: 1, prompts: [long, long, 'a fox'] });
    assert.deepEqual(report.notes, [
      '2 prompts are longer than the 6 tokens that the model reads, and were cut',
    ]);
  });

  test('a negative prompt without guidance has no effect, and that is said', async () => {
    const run = { steps: 1, guidanceScale: 1, prompts: 'a fox' };
    const { latents: plain, report } = await pipeline.generateLatents(run);
    assert.equal(report.notes, undefined);
    const { latents: same, report: told } = await pipeline.generateLatents({
      ...run,
      negativePrompt: 'a dog',
    });
    assert.deepEqual(same, plain);
    assert.match(told.notes!.join(), /^negative prompts have no effect without guidance/);
  });

  test('a file in the place of a folder for embeddings is refused before anything is encoded', async () => {
    const path = join(folder, 'a file');
    writeFileSync(path, '');
    await assert.rejects(draw({ embeddingsCache: path }, { prompts: 'a fox' }), {
      name: 'ArgumentError',
      message: /embeddingsCache is '.*a file'; expected a folder/,
    });
  });

  test('a negative prompt that is cut is told apart', async () => {
    const long = 'a fox and a dog and a cat and a cow';
    const { report } = await pipeline.generateLatents({ steps: 1, prompts: long, negativePrompt: long });
    assert.deepEqual(report.notes, [
      'a prompt is longer than the 6 tokens that the model reads, and was cut',
      'a negative prompt is longer than the 6 tokens that the model reads, and was cut',
    ]);
  });

  test('an empty prompt and one of megabytes are drawn', async () => {
    const run = await latents({ prompts: ['', 'fox '.repeat(2 ** 20)] });
    assert.ok(run.every(Number.isFinite));
  });

  test('sizes are in pixels', async () => {
    const { shape } = await pipeline.generateLatents({ steps: 1, prompts: 'a fox', height: 32, width: 96 });
    assert.deepEqual(shape, [1, 4, 4, 12]);
  });

  const refusals: [string, SampleOptions, RegExp][] = [
    ['no prompt', {}, /^prompts is missing; expected a text, or a list of at least one$/],
    ['labels', { labels: [1] }, /^labels is \[1\]; expected no value, because the model takes prompts$/],
    ['NUL', { prompts: 'a\0b' }, /^prompts is 'a.b'; expected a text without NUL$/s],
    ['half a character', { prompts: ['a', '\ud83d'] }, /^prompts\[1\] is .*; expected a text without lone/],
    [
      'a height between patches',
      { prompts: 'a', height: 40 },
      /^height is 40; expected a multiple of 16 pixels$/,
    ],
    ['other embeddings', { embeddings: { prompts: [] } }, /^embeddings.prompts is \[\]; expected a list/],
    [
      'embeddings of another width',
      { embeddings: { prompts: [{ values: new Float32Array(3), length: 1, width: 3 }] } },
      /^width of embeddings is 3; expected 20, as the model takes them$/,
    ],
    [
      'embeddings of nothing',
      { embeddings: { prompts: [null as never] } },
      /^embeddings.prompts\[0\] is null; exp/,
    ],
    [
      'negative embeddings that are none',
      { embeddings: { ...ofRows(1), negative: 'no' as never } },
      /^embeddings.negative is 'no'; expected a list of at least one$/,
    ],
    [
      'embeddings that are not finite',
      { embeddings: ofRows(1, Number.NaN) },
      /^embeddings.prompts\[0\].values\[0\] is NaN; expected a finite number$/,
    ],
    [
      'more tokens than the model reads',
      { embeddings: ofRows(7) },
      /^tokens of an embedding is 7; expected 1 to 6, the most that the model takes$/,
    ],
    [
      'three negative prompts for two pictures',
      { prompts: ['a', 'b'], negativePrompt: ['c', 'd', 'e'] },
      /^negativePrompt is '3 of them'; expected one, or one for each of 2 images$/,
    ],
  ];
  for (const [name, run, message] of refusals)
    test(`refuses ${name}`, () => assert.rejects(latents(run), { name: 'ArgumentError', message }));
});

describe('what the original codes lead away from', () => {
  const embed = async (captionTokens: number, learned?: Float32Array) => {
    const file = writeTinyPixArt(
      join(folder, `of${captionTokens}.safetensors`),
      { captionTokens },
      (tensors) => {
        const shape = [captionTokens, 20];
        if (learned) tensors.set(NULL_CAPTION, { name: NULL_CAPTION, dtype: 'F32', shape, data: learned });
      },
    );
    await using original = await Pipeline.load(file, { backend: 'wasm', threads: 1, textEncoder, tokenizer });
    return await original.embed({ prompts: ['a red moon over a hill', 'a fox'] });
  };

  test('alpha: what was learned for no caption, under the mask of each prompt', async () => {
    const learned = new Random(4).normals(120 * 20, 1);
    const { prompts, negative } = await embed(120, learned);
    for (const [i, { values, length }] of negative!.entries()) {
      assert.equal(length, prompts[i]!.length);
      assert.deepEqual(values, learned.slice(0, 20 * length));
    }
    assert.notEqual(negative![0]!.length, negative![1]!.length);
  });

  test('Sigma: the empty text with its padding, under the mask of each prompt', async () => {
    const { prompts, negative } = await embed(300);
    const { negative: short } = await embed(6);
    assert.equal(short![0]!.length, 1);
    const [first, second] = negative!;
    assert.deepEqual([first!.length, second!.length], [prompts[0]!.length, prompts[1]!.length]);
    assertClose(first!.values.subarray(0, 20), short![0]!.values, 1e-5, 'the end of the text');
    assert.deepEqual(first!.values.subarray(0, 20 * second!.length), second!.values);
    assert.ok(
      first!.values.subarray(20).every((value) => value !== 0),
      'padding is computed',
    );
  });
});

describe('a text encoder that does not fit', () => {
  const cases: [string, () => LoadOptions, RegExp][] = [
    [
      'of another width',
      () => ({ textEncoder: encoder('wide', { d_model: 24 }) }),
      /^text encoder is '.*wide'; expected one whose embeddings have width 20, .* this one has width 24$/,
    ],
    [
      'of another vocabulary',
      () => ({ textEncoder: encoder('small', { vocab_size: 50 }) }),
      /^tokenizer is '.*'; expected one with the text encoder's vocabulary: it has 2100 tokens, and .*small has 50$/,
    ],
  ];
  for (const [name, options, message] of cases)
    test(name, () =>
      assert.rejects(draw(options(), { prompts: 'a fox' }), { name: 'ArgumentError', message }),
    );

  test('none at all: the sentence says what to give', async () => {
    await using pipeline = await Pipeline.load(model, { backend: 'wasm', threads: 1 });
    await assert.rejects(pipeline.generateLatents({ prompts: 'a fox' }), {
      name: 'IncacheError',
      message: /has no text encoder.*--text-encoder.*or embeddings instead of prompts/,
    });
    const values = new Float32Array(20);
    const embeddings = { prompts: [{ values, length: 1, width: 20 }] };
    await assert.rejects(
      pipeline.generateLatents({ embeddings }),
      /give negative embeddings too, or guidanceScale 1$/,
    );
    await pipeline.generateLatents({ embeddings, guidanceScale: 1, steps: 1 });
  });
});

describe('a file of embeddings', () => {
  const write = (mask: readonly number[]) => {
    const path = join(folder, 'masked.safetensors');
    writeSafetensors(path, [
      { name: 'prompt_embeds', dtype: 'F32', shape: [1, 4, 2], data: new Float32Array(8) },
      { name: 'prompt_attention_mask', dtype: 'U8', shape: [1, 4], data: Uint8Array.from(mask) },
    ]);
    return path;
  };
  test('tells by its mask how many tokens count', () => {
    assert.equal(loadEmbeddings(write([1, 1, 0, 0])).prompts[0]!.length, 2);
  });
  for (const [mask, message] of [
    [[0, 0, 0, 0], /row 0 of 'prompt_attention_mask' keeps no token; expected at least one/],
    [[1, 2, 0, 0], /row 0 of 'prompt_attention_mask' holds 2; expected 0 and 1$/],
    [[1, 0, 1, 0], /row 0 of 'prompt_attention_mask' keeps tokens with gaps between them/],
  ] as const)
    test(`refuses the mask ${mask}`, () => {
      assert.throws(() => loadEmbeddings(write(mask)), { name: 'FormatError', message });
    });
});
