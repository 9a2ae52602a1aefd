/** Prompts on the command line: what is refused and what is said, with a whole folder of diffusers. */
import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { modelFolder } from '../../src/modelPackages.js';
import { incache, Workplace } from './run.js';

const MODEL = modelFolder('emoji')!;
/** Of a size with shapes, without a text encoder. */
const SHAPED = fileURLToPath(new URL('../../../test/golden/text/pixart/alpha', import.meta.url));

describe('prompts on the command line', { concurrency: 2 }, () => {
  const place = new Workplace();
  const run = (...args: string[]) => incache(args, place.folder);
  const draw = (...args: string[]) => run('sample', '--steps', '1', '-m', MODEL, ...args);
  const bare = (...args: string[]) => run('sample', '--steps', '1', '-m', 'bare', '-o', 'x.npz', ...args);
  const embedded = { prompts: ['a fox', 'a red moon'], file: 'words.safetensors' };

  before(async () => {
    writeFileSync(place.path('latin.txt'), Buffer.from([0x63, 0x61, 0x66, 0xe9]));
    writeFileSync(place.path('nul.txt'), 'a fox\0b');
    writeFileSync(place.path('half.json'), '["a \\ud83d fox"]');
    mkdirSync(place.path('bare'));
    for (const part of ['model_index.json', 'transformer', 'vae', 'scheduler'])
      symlinkSync(join(MODEL, part), join(place.path('bare'), part));
    const flags = embedded.prompts.flatMap((prompt) => ['--prompt', prompt]);
    const { code, stdout, stderr } = await run('embed', '-m', MODEL, ...flags, '-o', embedded.file, '--json');
    assert.equal(code, 0, stderr);
    assert.equal(JSON.parse(stdout).tokens.length, 2);
  });
  after(() => place[Symbol.dispose]());

  const refusals: [string, string[], RegExp][] = [
    ['a file that is no UTF-8', ['--prompts', 'latin.txt'], /latin\.txt is not a text in UTF-8/],
    ['NUL', ['--prompts', 'nul.txt'], /expected a text without NUL/],
    ['half a character', ['--prompts', 'half.json'], /expected a text without lone surrogates/],
    ['labels', ['--labels', '1'], /labels is \[1\]; expected no value, because the model takes prompts/],
    ['nothing to draw', [], /prompt is missing; expected what to draw/],
    [
      'prompts beside embeddings',
      ['--prompt', 'a', '--embeddings', 'words.safetensors'],
      /no value beside --prompt/,
    ],
    ['a tokenizer that is none', ['--prompt', 'a', '--tokenizer', 'latin.txt'], /tokenizer|latin\.txt/],
  ];
  for (const [name, args, message] of refusals)
    test(`refuses ${name}`, async () => {
      const { code, stderr } = await draw('-o', 'no.png', ...args);
      assert.equal(code, 2, stderr);
      assert.match(stderr, message);
    });

  test('without a text encoder says what can be given, and draws from embeddings in turn', async () => {
    const { code, stderr } = await bare('--prompt', 'a');
    assert.equal(code, 2);
    assert.match(
      stderr,
      /bare has no text encoder in a folder 'text_encoder'; .*--text-encoder.*--embeddings/,
    );
    const drawn = await bare('--embeddings', embedded.file, '--count', '3', '--json');
    assert.equal(drawn.code, 0, drawn.stderr);
    assert.equal(JSON.parse(drawn.stdout).images, 3);
  });

  test('takes the text encoder and the tokenizer of a whole pipeline', async () => {
    const { code, stderr } = await bare('--prompt', 'a', '--text-encoder', MODEL, '--tokenizer', MODEL);
    assert.equal(code, 0, stderr);
  });

  test('sizes of no whole patches are refused where pictures are not resized', async () => {
    const sized = (...args: string[]) =>
      run('sample', '-m', SHAPED, '--prompt', 'a', '--size', '100x130', ...args);
    const { stderr } = await sized('--no-resolution-binning');
    assert.match(stderr, /height is 100; expected a multiple of 16 pixels/);
    assert.match((await sized()).stderr, /has no text encoder/);
  });
});
