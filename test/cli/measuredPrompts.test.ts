/** Commands that measure take prompts of a model of prompts: from texts, lists and captions. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { FactorSet } from '../../src/cache/data/factorSet.js';
import { StepGrams } from '../../src/cache/data/stepGrams.js';
import { readPrompts } from '../../src/cli/promptsFile.js';
import { writeTinyPixArt } from '../support/tinyPixArt.js';
import { writeTinyT5 } from '../support/tinyT5.js';
import { incache, Workplace } from './run.js';

const inputs = new Workplace();
after(() => inputs[Symbol.dispose]());
const file = (name: string, text: string): string => {
  writeFileSync(inputs.path(name), text);
  return inputs.path(name);
};
const tokenizer = fileURLToPath(new URL('../../../test/golden/text/t5/tokenizer', import.meta.url));
const { folder: textEncoder } = writeTinyT5(inputs.path('t5'), { vocab_size: 2176 });
const model = ['--model', writeTinyPixArt(inputs.path('pixart.safetensors')), '--text-encoder', textEncoder];
const captions = file('captions.json', '{"annotations":[{"caption":"a fox\\n"},{"id":3,"caption":"a dog"}]}');
const MODEL = [...model, '--tokenizer', tokenizer, '--steps', '4', '--threads', '1', '--json'];

describe('files of prompts', () => {
  test('lines, lists and captions', () => {
    assert.deepEqual(readPrompts(file('lines.txt', '\ufeffa fox\r\n\r\n a dog \n')), ['a fox', 'a dog']);
    assert.deepEqual(readPrompts(file('list.json', '["a fox","a dog"]')), ['a fox', 'a dog']);
    assert.deepEqual(readPrompts(captions), ['a fox', 'a dog']);
  });

  for (const [name, text, message] of [
    ['empty.txt', '\n \n', /empty\.txt has no prompt/],
    ['numbers.json', '[1]', /neither a list of texts.*nor captions/],
    ['others.json', '{"annotations":[{"label":"a"}]}', /neither a list of texts.*nor captions/],
    ['null.json', 'null', /neither a list of texts/],
    ['cut.json', '["a', /cut\.json is not JSON/],
  ] as const)
    test(`${name} is refused`, () => {
      assert.throws(() => readPrompts(file(name, text)), { name: 'FormatError', message });
    });
});

describe('with prompts', () => {
  const run = async (place: Workplace, ...args: string[]) => {
    const { code, stdout, stderr } = await incache([...args, ...MODEL], place.folder);
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout);
  };
  const prompts = ['--prompts', captions];

  test('evaluate goes on with a run of the same prompts and refuses one of others', async () => {
    using place = new Workplace();
    const evaluate = [
      'evaluate',
      '-n',
      '3',
      '--batch',
      '2',
      '--compare',
      '--policy',
      'reuse',
      '--resume',
      'kept',
    ];
    const first = await run(place, ...evaluate, ...prompts);
    assert.ok(first.relativeL2 > 0 && first.images === 3);
    assert.equal((await run(place, ...evaluate, ...prompts)).relativeL2, first.relativeL2);
    const others = [...evaluate, '--prompt', 'a cat', '--prompt', 'a dog'];
    const { code, stderr } = await incache([...others, ...MODEL], place.folder);
    assert.notEqual(code, 0);
    assert.match(stderr, /prompts/);
    const { folder: other } = writeTinyT5(place.path('other'), { vocab_size: 2176, num_heads: 2 });
    const encoded = [...evaluate, ...prompts, ...MODEL, '--text-encoder', other];
    const again = await incache(encoded, place.folder);
    assert.equal(again.code, 2);
    assert.match(
      again.stderr,
      /^incache: resume is 'kept'; expected the folder of this run; in it textEncoder is "\w+", not "\w+"\n$/,
    );
  });

  test('fit, calibrate with spread ranks, and measure', async () => {
    using place = new Workplace();
    assert.equal((await run(place, 'fit', '-n', '2', ...prompts)).images, 2);
    assert.equal(StepGrams.load(place.path('fits.safetensors')).info.sampler, 'dpm++2m');
    const factors = ['calibrate', '--method', 'whitened', '--count', '2', '--rank', '4', '--spread'];
    await run(place, ...factors, ...prompts, '--fits', 'fits.safetensors', '--computed', '2');
    const { source } = FactorSet.load(place.path('factors.safetensors')).info;
    assert.match(source, /2 own dpm\+\+2m trajectories, 4 steps, guidance 4\.5, 2 computed steps/);
    const errors = await run(place, 'measure', '-n', '1', '--gaps', '1', ...prompts);
    assert.ok(errors.sublayers === 6 && errors.guidanceScale === 4.5);
  });

  test('an experiment', async () => {
    using place = new Workplace();
    const experiment = ['experiment', 'policies', '-n', '2', '--batch', '2', '--only', 'reuse p=2'];
    assert.deepEqual((await run(place, ...experiment, ...prompts)).tables, { evaluations: 2, times: 10 });
  });

  for (const [flags, message] of [
    [
      ['--clip-text', 'text.onnx'],
      /clip-image is missing; expected a file beside --clip-text: a CLIP score takes all three/,
    ],
    [['--clip-image', 'a.onnx', '--clip-text', 'b.onnx', '--clip-tokenizer', 'c.json'], /c\.json/],
  ] as const)
    test(`a CLIP score needs its files: ${flags.join(' ')}`, async () => {
      using place = new Workplace();
      const { code, stderr } = await incache(['evaluate', ...flags, ...prompts, ...MODEL], place.folder);
      assert.equal(code, 2, stderr);
      assert.match(stderr, message);
    });

  test('there must be some', async () => {
    using place = new Workplace();
    const { code, stderr } = await incache(['evaluate', '-n', '1', ...MODEL], place.folder);
    assert.deepEqual(
      [code, stderr],
      [2, 'incache: prompts is missing; expected a text, or a list of at least one\n'],
    );
  });
});
