/** Model files of networks that draw prompts: they give what the pipeline gives, from prompts and from embeddings. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { calibrate } from '../../src/calibrate/calibrate.js';
import { ExportedPipeline, type ExportedSampleOptions } from '../../src/export/exportedPipeline.js';
import type { ModelHeader } from '../../src/export/format.js';
import { type ExportOptions, exportModel } from '../../src/export/modelFile.js';
import { NULL_CAPTION, type PixArtConfig } from '../../src/models/pixart/config.js';
import type { LoadOptions } from '../../src/pipeline/loadOptions.js';
import type { SampleOptions } from '../../src/pipeline/options.js';
import { Pipeline } from '../../src/pipeline/pipeline.js';
import { changeHeader } from '../support/changeHeader.js';
import { assertClose } from '../support/compare.js';
import { temporaryFolder } from '../support/folder.js';
import { Random } from '../support/random.js';
import { TINY_PIXART, writeTinyPixArt } from '../support/tinyPixArt.js';
import { writeTinyT5 } from '../support/tinyT5.js';

const folder = temporaryFolder();
const path = (name: string) => join(folder, name);
const texts = {
  tokenizer: fileURLToPath(new URL('../../../test/golden/text/t5/tokenizer', import.meta.url)),
  textEncoder: writeTinyT5(path('t5'), { vocab_size: 2176 }).folder,
};
const device = { backend: 'wasm', threads: 1 } as const;
const PROMPTS = ['a fox', 'a red moon over a hill', 'a dog'];

interface Case {
  readonly config?: Partial<PixArtConfig>;
  /** With the learned embeddings of no caption, as original files have them. */
  readonly learnedNull?: boolean;
  /** Without a text encoder there is none for the file either. */
  readonly load?: LoadOptions;
  readonly options?: ExportOptions;
  /** Of the run of the file. */
  readonly drawn?: ExportedSampleOptions;
  /** Of the run of the pipeline that must give the same. */
  readonly expected?: SampleOptions;
}

function pipelineOf({ config, learnedNull = false, load = texts }: Case): Promise<Pipeline> {
  const { captionTokens: tokens, captionChannels: width } = { ...TINY_PIXART, ...config };
  const model = writeTinyPixArt(path('model.safetensors'), config, (tensors) => {
    const data = new Random(3).normals(tokens * width, 1);
    if (learnedNull)
      tensors.set(NULL_CAPTION, { name: NULL_CAPTION, dtype: 'F32', shape: [tokens, width], data });
  });
  return Pipeline.load(model, { ...device, ...load });
}

async function exported(options: ExportedSampleOptions, load: LoadOptions = texts) {
  await using pipeline = await ExportedPipeline.load(path('text.incache'), { ...device, ...load });
  return await pipeline.generateLatents(options);
}

/** The same bits of both; returns the header of the file. */
async function compare(each: Case): Promise<ModelHeader> {
  await using pipeline = await pipelineOf(each);
  const {
    options = {},
    load = texts,
    drawn = { prompts: PROMPTS },
    expected = drawn as SampleOptions,
  } = each;
  const run = { images: 2, steps: 3, ...options };
  const header = await exportModel(pipeline, path('text.incache'), run);
  const { images: _, negativePrompt: __, ...own } = run;
  const latents = await pipeline.generateLatents({ ...own, ...expected, seed: 5, batch: 2 });
  const given = await exported({ ...drawn, seed: 5 }, load);
  assert.deepEqual(given.shape, latents.shape);
  // The last batch is filled up in the file's run, so that its rows lie in other tiles.
  assertClose(given.latents, latents.latents, 1e-6, 'latents');
  return header;
}

const unconditional = ({ inputs }: ModelHeader) => inputs.map((input) => input.unconditional);

describe('a model file of prompts', () => {
  test('has texts and their lengths as inputs, one row of the table for all, and what is empty', async () => {
    const { inputs, context, labelRows, sampler } = await compare({});
    assert.equal(sampler, 'dpm++2m');
    assert.equal(labelRows, 1);
    assert.ok(context!.buffers.some(({ name, role }) => name === 'text' && role === 'input'));
    assert.deepEqual(inputs, [
      { name: 'text', type: 'f32', rows: 6, columns: 20, unconditional: 'tensor' },
      { name: 'textLengths', type: 'i32', rows: 1, columns: 1, least: 1, most: 6, unconditional: 1 },
    ]);
  });

  test('without guidance needs nothing to lead away from', async () => {
    assert.deepEqual(unconditional(await compare({ options: { guidanceScale: 1 } })), [undefined, undefined]);
  });

  test('of another size, which the network is told', async () => {
    const options = { height: 32, width: 96 };
    const { inputs, height, width } = await compare({ config: { sizeConditions: true }, options });
    assert.deepEqual([height, width], [4, 12]);
    assert.deepEqual(inputs[2]!.values, [32, 96, 32 / 96]);
  });

  test('with a cache', async () => {
    await using pipeline = await pipelineOf({});
    const factors = await calibrate(pipeline, { method: 'svd', rank: 4 });
    await compare({ options: { steps: 5, cache: { policy: 'calibrated', period: 2, factors } } });
  });

  test('has the negative prompt of the export, and takes others', async () => {
    const negativePrompt = 'blurry and dark';
    await compare({ options: { negativePrompt }, expected: { prompts: PROMPTS, negativePrompt } });
    const drawn = { prompts: PROMPTS, negativePrompt: ['a', 'b', 'c'] };
    await compare({ options: { negativePrompt }, drawn });
  });

  test('takes embeddings, of the negative prompt too', async () => {
    await using pipeline = await pipelineOf({});
    const embeddings = await pipeline.embed({ prompts: PROMPTS, negativePrompt: 'dark' });
    const drawn = { embeddings };
    await compare({ drawn });
    const [negativePrompt] = embeddings.negative!;
    const options = { negativePrompt: negativePrompt! };
    await compare({
      load: {},
      options,
      drawn: { embeddings: { prompts: embeddings.prompts } },
      expected: drawn,
    });
  });

  test('leads away from what was learned for no caption, under the mask of each prompt', async () => {
    await using pipeline = await pipelineOf({});
    const { prompts } = await pipeline.embed({ prompts: PROMPTS });
    const drawn = { embeddings: { prompts } };
    const header = await compare({ learnedNull: true, load: {}, drawn });
    assert.deepEqual(unconditional(header), ['tensor', 'conditional']);
    assert.notEqual(prompts[0]!.length, prompts[1]!.length);
  });

  test('without a text encoder asks for what guidance leads away from', async () => {
    await using pipeline = await pipelineOf({});
    const embeddings = await pipeline.embed({ prompts: PROMPTS });
    const header = await compare({ load: {}, drawn: { embeddings } });
    assert.deepEqual(unconditional(header), [undefined, undefined]);
    const { prompts } = embeddings;
    await assert.rejects(exported({ embeddings: { prompts } }, {}), /give negative embeddings too/);
    await assert.rejects(exported({ prompts: 'a fox' }, {}), /text\.incache has no text encoder/);
    await exported({ prompts: 'a fox' });
  });

  const damages: [string, (header: ModelHeader & { inputs: object[] }) => void, RegExp][] = [
    [
      'an unknown place of the unconditional text',
      ({ inputs }) => Object.assign(inputs[0]!, { unconditional: 'file' }),
      /inputs\[0\]\.unconditional is not a value of the input$/,
    ],
    [
      'lengths from a tensor',
      ({ inputs }) => Object.assign(inputs[1]!, { unconditional: 'tensor' }),
      /inputs\[1\]\.unconditional is not a value of the input$/,
    ],
    [
      'values of another size',
      ({ inputs }) => Object.assign(inputs[1]!, { values: [1, 2] }),
      /inputs\[1\]\.values/,
    ],
    ['a text of another name', ({ inputs }) => Object.assign(inputs[0]!, { name: 'words' }), /input 'text'/],
  ];
  for (const [name, change, message] of damages)
    test(`damaged: ${name}`, async () => {
      await using pipeline = await pipelineOf({});
      await exportModel(pipeline, path('sound.incache'), { steps: 1 });
      changeHeader(path('sound.incache'), path('text.incache'), change as never);
      await assert.rejects(exported({ prompts: 'a' }), { name: 'FormatError', message });
    });

  test('refuses labels, and texts of a file of labels', async () => {
    await compare({});
    await assert.rejects(exported({ labels: [1] }), /^ArgumentError: labels is \[1\]; expected no value/);
  });
});
