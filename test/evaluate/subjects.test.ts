/** What images of a measurement are of: labels in turn, prompts in an order that the seed alone decides. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { subjectsKey, subjectsOf } from '../../src/evaluate/runs/subjects.js';
import { pixartNetwork } from '../../src/models/pixart/network.js';
import { TINY_NETWORK } from '../support/tinyModel.js';
import { TINY_PIXART } from '../support/tinyPixArt.js';

const text = pixartNetwork(TINY_PIXART);
const classes = TINY_NETWORK;
const prompts = Array.from({ length: 10 }, (_, i) => `prompt ${i}`);
const embeddings = {
  prompts: prompts.map((_, i) => ({ values: Float32Array.of(i), length: 1, width: 1 })),
  negative: [{ values: Float32Array.of(9), length: 1, width: 1 }],
};

describe('subjects of a measurement', () => {
  test('every prompt comes once before one comes again, whatever the batch', () => {
    const all = subjectsOf(text, { prompts, seed: 3 }, 20).prompts as string[];
    assert.deepEqual(all.slice(0, 10).sort(), prompts);
    assert.deepEqual(all.slice(10), all.slice(0, 10));
    assert.notDeepEqual(all.slice(0, 10), prompts);
    const parts = [0, 7, 14].flatMap(
      (first) => subjectsOf(text, { prompts, seed: 3 }, Math.min(7, 20 - first), first).prompts as string[],
    );
    assert.deepEqual(parts, all);
    assert.notDeepEqual(subjectsOf(text, { prompts, seed: 4 }, 10).prompts, all.slice(0, 10));
  });

  test('negative prompts and embeddings keep to their prompts; one is for all', () => {
    const negativePrompt = prompts.map((prompt) => `not ${prompt}`);
    const drawn = subjectsOf(text, { prompts, negativePrompt, cleanCaption: false }, 5);
    assert.equal(drawn.cleanCaption, false);
    assert.deepEqual(
      drawn.negativePrompt,
      (drawn.prompts as string[]).map((prompt) => `not ${prompt}`),
    );
    const given = subjectsOf(text, { embeddings }, 5).embeddings!;
    assert.deepEqual(
      given.prompts.map(({ values }) => `prompt ${values[0]}`),
      drawn.prompts,
    );
    assert.ok(given.negative!.length === 5 && given.negative!.every((one) => one === embeddings.negative[0]));
    assert.equal(subjectsOf(text, { prompts, negativePrompt: 'blurry' }, 5).negativePrompt, 'blurry');
    assert.deepEqual(subjectsOf(text, { prompts: 'a fox' }, 2).prompts, ['a fox', 'a fox']);
  });

  test('labels come in turn', () => {
    assert.deepEqual(subjectsOf(classes, { labels: [3, 1] }, 3, 1), { labels: [1, 3, 1] });
    assert.deepEqual(subjectsOf(classes, {}, 3).labels, [0, 1, 2]);
    assert.throws(() => subjectsOf(classes, { labels: [] }, 1), { message: /at least one label/ });
  });

  test('a run is known by its labels, or by the texts themselves and what embeds them', () => {
    const longer = { ...embeddings.negative[0]!, length: 2 };
    const encoder = { textEncoder: 'one', tokenizer: 'another' };
    const ofTexts = { network: text, textEncoderOf: () => encoder };
    const keys = [
      { prompts },
      { prompts: prompts.slice(1) },
      { prompts, negativePrompt: 'blurry' },
      { prompts, cleanCaption: false },
      { embeddings },
      { embeddings: { prompts: embeddings.prompts } },
      { embeddings: { ...embeddings, negative: [longer] } },
    ].map((options) => subjectsKey(ofTexts, options));
    assert.equal(new Set(keys.map(({ prompts: hash }) => hash)).size, keys.length);
    for (const { textEncoder, tokenizer } of keys) assert.deepEqual({ textEncoder, tokenizer }, encoder);
    assert.deepEqual(subjectsKey({ ...ofTexts, network: classes }, { labels: [2] }), { labels: [2] });
  });
});
