/** Files that are not what they claim to be: models, factors, schedules. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { Schedule, scheduleLayers } from '../../src/cache/schedule.js';
import { calibrate } from '../../src/calibrate/calibrate.js';
import { cacheOptions } from '../../src/cli/cacheFlags.js';
import type { AnyCacheOptions } from '../../src/pipeline/options.js';
import { Pipeline } from '../../src/pipeline/pipeline.js';
import { writeNpz } from '../../src/weights/npz.js';
import type { TensorToWrite } from '../../src/weights/safetensors.js';
import { TINY_NETWORK, writeTinyModel } from '../support/tinyModel.js';
import { testRefusals } from './refused.js';
import { Workplace } from './run.js';

const inputs = new Workplace();
after(() => inputs[Symbol.dispose]());
const tiny = writeTinyModel(inputs.path('tiny.safetensors'));
const STEPS = 4;

function written(name: string, content: string | Uint8Array): string {
  writeFileSync(inputs.path(name), content);
  return inputs.path(name);
}

/** A safetensors file with this header, whatever it says, and so many bytes of data. */
function withHeader(name: string, header: unknown, dataBytes = 0, claimed?: bigint): string {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(claimed ?? BigInt(text.length));
  return written(`${name}.safetensors`, Buffer.concat([prefix, text, Buffer.alloc(dataBytes)]));
}

const entry = (shape: unknown, offsets: unknown, dtype = 'F32') => ({ dtype, shape, data_offsets: offsets });
const good = readFileSync(tiny);
mkdirSync(inputs.path('folder'));

const loop = inputs.path('loop.safetensors');
symlinkSync(loop, loop);

/** Files, and what is said of them. */
const DAMAGED: readonly (readonly [name: string, path: string, says: string])[] = [
  ['missing', inputs.path('none.safetensors'), 'ENOENT'],
  ['a link to itself', loop, 'ELOOP'],
  ['a folder without weights', inputs.path('folder'), 'has no file of weights'],
  ['empty', written('empty', ''), 'it has only 0 bytes'],
  ['shorter than its length', written('seven', good.subarray(0, 7)), 'it has only 7 bytes'],
  ['cut inside the header', written('cut-header', good.subarray(0, 100)), 'of at most 92'],
  ['cut inside the data', written('cut-data', good.subarray(0, good.length - 4)), 'outside the'],
  ['followed by more', written('longer', Buffer.concat([good, Buffer.alloc(4)])), 'the last 4 bytes'],
  ['a header of 2^60 bytes', withHeader('huge', {}, 0, 2n ** 60n), 'claims 1152921504606846976 bytes'],
  ['a header of 2^64 - 1 bytes', withHeader('most', {}, 0, 2n ** 64n - 1n), 'claims 18446744073709551615'],
  ['a header that is not JSON', withHeader('text', 'not JSON'), 'the header is not JSON'],
  ['a header that is a list', withHeader('list', []), 'the header is not a JSON object'],
  ['a header that is not UTF-8', written('latin1', Buffer.from([1, 0, 0, 0, 0, 0, 0, 0, 0xff])), 'not UTF-8'],
  ['metadata that is no text', withHeader('meta', { __metadata__: { a: 1 } }), "'a' is not a string"],
  ['an unknown type', withHeader('type', { x: entry([1], [0, 4], 'F31') }, 4), '\'x\' has dtype "F31"'],
  ['a negative shape', withHeader('negative', { x: entry([-1], [0, 4]) }, 4), "'x' has shape [-1]"],
  ['a shape of fractions', withHeader('half', { x: entry([0.5], [0, 2]) }, 2), "'x' has shape [0.5]"],
  ['offsets past the end', withHeader('past', { x: entry([2], [0, 8]) }, 4), "'x' has data_offsets [0, 8]"],
  ['offsets that descend', withHeader('back', { x: entry([1], [4, 0]) }, 4), "'x' has data_offsets [4, 0]"],
  ['offsets of 2^60', withHeader('far', { x: entry([1], [0, 2 ** 60]) }, 4), "'x' has data_offsets"],
  [
    'a shape of 2^60',
    withHeader('wide', { x: entry([2 ** 30, 2 ** 30], [0, 4]) }, 4),
    "'x' of shape [1073741824,1073741824]",
  ],
  ['a shape that overflows', withHeader('over', { x: entry([2 ** 52, 2 ** 52], [0, 4]) }, 4), "'x'"],
  ['a shape beyond its bytes', withHeader('lying', { x: entry([3], [0, 8]) }, 8), 'needs 12 bytes'],
  [
    'tensors that overlap',
    withHeader('overlap', { x: entry([2], [0, 8]), y: entry([1], [4, 8]) }, 8),
    "'y' overlaps",
  ],
  ['a hole', withHeader('hole', { x: entry([1], [4, 8]) }, 8), "before tensor 'x' belong to no tensor"],
  ['no DiT', withHeader('not-a-dit', {}), "not a DiT checkpoint: tensor 'x_embedder.proj.weight' is missing"],
];

describe('model files', { concurrency: 2 }, () =>
  testRefusals(
    DAMAGED.map(([name, path, says]) => ({
      name,
      args: ['sample', '--model', path],
      says: [path, says],
    })),
  ),
);

type Tensors = Map<string, TensorToWrite>;

function reshaped(name: string, shape: readonly number[]) {
  return (tensors: Tensors) => {
    const data = new Float32Array(shape.reduce((product, size) => product * size, 1));
    tensors.set(name, { name, dtype: 'F32', shape, data });
  };
}

function poisoned(name: string, value: number) {
  return (tensors: Tensors) => {
    (tensors.get(name)!.data as Float32Array)[3] = value;
  };
}

/** Changes to a good checkpoint, and what is said of them. */
const CHANGED: readonly (readonly [name: string, change: (tensors: Tensors) => void, says: string])[] = [
  ...[
    'pos_embed',
    'final_layer.linear.bias',
    'blocks.0.attn.qkv.weight',
    'blocks.1.attn.qkv.weight',
    'blocks.1.mlp.fc2.bias',
  ].map(
    (name) => [`no ${name}`, (tensors: Tensors) => tensors.delete(name), `'${name}' is missing`] as const,
  ),
  ['a stranger in a block', reshaped('blocks.1.attn.extra', [2]), "'blocks.1.attn.extra' does not belong"],
  [
    'another shape',
    reshaped('blocks.1.mlp.fc1.bias', [63]),
    "'blocks.1.mlp.fc1.bias' has shape [63]; expected [64]",
  ],
  ['transposed', reshaped('blocks.0.mlp.fc2.weight', [64, 32]), 'has shape [64,32]; expected [32,64]'],
  ['tokens of no square', reshaped('pos_embed', [1, 15, 32]), 'pos_embed has 15 tokens'],
  ['a scalar', reshaped('y_embedder.embedding_table.weight', []), 'expected 2 positive dimensions'],
  ['no class', reshaped('y_embedder.embedding_table.weight', [1, 32]), 'classes is 0'],
  ...[
    'pos_embed',
    'x_embedder.proj.bias',
    'blocks.1.attn.qkv.weight',
    'y_embedder.embedding_table.weight',
  ].map(
    (name) =>
      [`NaN in ${name}`, poisoned(name, Number.NaN), `weight '${name}' holds NaN at element 3`] as const,
  ),
  [
    'infinity in a bias',
    poisoned('blocks.0.adaLN_modulation.1.bias', Number.NEGATIVE_INFINITY),
    "'blocks.0.adaLN_modulation.1.bias' holds -Infinity",
  ],
];

/** Metadata of a good checkpoint, and what is said of it. */
const METADATA: readonly (readonly [name: string, config: string | undefined, says: string])[] = [
  ['no heads', undefined, 'heads is missing'],
  ['metadata that is not JSON', '{', "the metadata's 'config' is not a JSON object"],
  ['heads that do not divide', '{"num_heads": 3}', 'heads is 3; expected a divisor of the hidden size 32'],
  [
    'metadata that contradicts',
    '{"num_heads": 2, "depth": 3}',
    'the metadata says depth 3, the shapes say 2',
  ],
];

describe('model contents', { concurrency: 2 }, () =>
  testRefusals([
    ...CHANGED.map(([name, change, says], i) => ({
      name,
      args: ['sample', '--model', writeTinyModel(inputs.path(`changed-${i}`), { change })],
      says: [says],
    })),
    ...METADATA.map(([name, config, says], i) => ({
      name,
      args: [
        'sample',
        '--model',
        writeTinyModel(inputs.path(`metadata-${i}`), { metadata: config === undefined ? {} : { config } }),
      ],
      says: [says],
    })),
    {
      name: 'calibrate: NaN in a linear',
      args: [
        'calibrate',
        '--method',
        'svd',
        '--rank',
        '4',
        '--model',
        writeTinyModel(inputs.path('nan'), { change: poisoned('blocks.1.attn.proj.weight', Number.NaN) }),
      ],
      says: ["'blocks.1.attn.proj.weight' holds NaN at element 3"],
    },
  ]),
);

describe('factors', { concurrency: 2 }, () => {
  const foreign = inputs.path('foreign.safetensors');
  before(async () => {
    const other = writeTinyModel(inputs.path('other.safetensors'), { seed: 2 });
    await using pipeline = await Pipeline.load(other, { threads: 1 });
    (await calibrate(pipeline, { method: 'svd', rank: 4 })).save(foreign);
  });
  const FILES: readonly (readonly [name: string, path: string, says: string])[] = [
    ['of another model', foreign, 'the factors were made for another model'],
    ['that are a model', tiny, 'is not a file of factors: its format is missing; expected incache-factors'],
    ['missing', inputs.path('none.safetensors'), 'ENOENT'],
    ['empty', inputs.path('empty'), 'it has only 0 bytes'],
  ];
  testRefusals(
    FILES.map(([name, path, says]) => ({
      name,
      args: ['sample', '--model', tiny, '--policy', 'calibrated', '--factors', path],
      says: [says],
    })),
  );
});

describe('schedules', { concurrency: 2 }, () => {
  const layers = scheduleLayers(TINY_NETWORK, 'sublayer');
  const { gather, scatter } = Schedule.fromPeriod(layers, STEPS, 2);
  /** A good schedule with changes, in JSON. */
  const changed = (change: (file: { layers: unknown[]; G: unknown[][]; S: unknown[][] }) => void): string => {
    const copy = structuredClone({ layers, G: gather, S: scatter }) as never;
    change(copy);
    return JSON.stringify(copy, null, 2);
  };
  const FILES: readonly (readonly [name: string, text: string, says: string])[] = [
    [
      'overlap',
      changed(({ S }) => {
        S[2]![1] = 1;
      }),
      'G and S at step 2, layer blocks.0.mlp is [1,1]; expected exactly one',
    ],
    [
      'an empty cell',
      changed(({ S }) => {
        S[1]![3] = 0;
      }),
      'G and S at step 1, layer blocks.1.mlp is [0,0]; expected exactly one',
    ],
    [
      'a fraction',
      changed(({ G, S }) => {
        G[1]![0] = 0.5;
        S[1]![0] = 0.5;
      }),
      'G and S at step 1, layer blocks.0.attention is [0.5,0.5]',
    ],
    [
      'a first step that does not gather',
      changed(({ G, S }) => {
        G[0]![0] = 0;
        S[0]![0] = 1;
      }),
      'G and S at step 0, layer blocks.0.attention is [0,1]; expected the first step to gather',
    ],
    [
      'a layer that does not exist',
      changed((file) => {
        file.layers[3] = 'blocks.2.mlp';
      }),
      "schedule.layers[3] is 'blocks.2.mlp'; expected a layer of this model of 2 blocks",
    ],
    [
      'a layer twice',
      changed((file) => {
        file.layers[3] = 'blocks.0.mlp';
      }),
      "schedule.layers[3] is 'blocks.0.mlp'; expected no layer twice",
    ],
    [
      'a layer left out',
      changed((file) => {
        for (const list of [file.layers, ...file.G, ...file.S]) list.pop();
      }),
      'expected a column for blocks.1.fc1',
    ],
    [
      'too few cells',
      changed(({ G }) => G[2]!.pop()),
      "G[2] is '3 cells wide'; expected one cell for each of 4",
    ],
    ['too few steps in S', changed(({ S }) => S.pop()), "S is '3 steps'; expected 4 steps"],
    [
      'other steps than the sampler',
      changed(({ G, S }) => {
        G.pop();
        S.pop();
      }),
      "schedule is '3 steps long'; expected 4 steps",
    ],
    ['no steps', JSON.stringify({ layers, G: [], S: [] }), 'steps is 0; expected an integer of at least 1'],
    ['no matrices', JSON.stringify({ layers }), 'expected JSON with layers (names) and G and S'],
    ['a list', '[]', 'is not a JSON object'],
    ['null', 'null', 'is not a JSON object'],
    [
      'layers that are no names',
      '{"layers": [{"toString": 1}], "G": [[1]], "S": [[0]]}',
      'expected JSON with layers',
    ],
    [
      'cells that are no numbers',
      changed(({ G }) => {
        G[1]![0] = { valueOf: 1 };
      }),
      'G and S at step 1, layer blocks.0.attention',
    ],
    [
      'an escape sequence as a layer',
      changed((file) => {
        file.layers[3] = '\u001b[31mred';
      }),
      "is '\\u001b[31mred'",
    ],
    ['not JSON', '{\n  "layers": [,\n}', 'is not JSON'],
  ];
  const args = ['sample', '--model', tiny, '--steps', String(STEPS), '--policy', 'reuse', '--schedule'];
  testRefusals([
    ...FILES.map(([name, text, says], i) => ({
      name,
      args: [...args, written(`schedule-${i}.json`, text)],
      says: [says],
    })),
    { name: 'missing', args: [...args, inputs.path('none.json')], says: ['none.json', 'ENOENT'] },
    { name: 'a folder', args: [...args, inputs.path('folder')], says: ['folder', 'it is not a file'] },
  ]);

  test('a byte order mark is no harm', () => {
    const path = written('bom.json', `\ufeff${JSON.stringify({ layers, G: gather, S: scatter })}`);
    const { schedule } = cacheOptions({
      policy: 'reuse',
      schedule: path,
      cacheForm: 'input',
    }) as AnyCacheOptions;
    assert.deepEqual(schedule?.layers, layers);
  });
});

function scaledImages(): string {
  const path = inputs.path('scaled.npz');
  const data = Float32Array.from({ length: 2 * 64 }, (_, i) => i);
  writeNpz(path, {
    images: { shape: [2, 1, 8, 8], data },
    labels: { shape: [2], data: Uint8Array.of(0, 1) },
  });
  return path;
}

describe('calibration images', { concurrency: 2 }, () => {
  const [images, labels] = [entry([2, 1, 8, 8], [0, 128], 'U8'), entry([2], [128, 130], 'U8')];
  const FILES: readonly (readonly [name: string, path: string, says: string])[] = [
    ['missing', inputs.path('none.safetensors'), 'ENOENT'],
    ['that are a model', tiny, "has no tensor 'images'"],
    ['no .npz', written('images.npz', 'PK'), 'is not an .npz file'],
    ['without labels', withHeader('images', { images }, 128), "has no tensor 'labels'"],
    [
      'of another size',
      withHeader('sizes', { images: entry([2, 1, 4, 16], [0, 128], 'U8'), labels }, 130),
      "'images' has shape [2,1,4,16]; expected [2,1,8,8]",
    ],
    [
      'float-255-images: floats of 0 to 255',
      scaledImages(),
      "'images' holds floats from 0 to 127; expected pictures in [-1, 1]",
    ],
    ['fewer than asked for', withHeader('few', { images, labels }, 130), 'expected at least 3'],
  ];
  testRefusals(
    FILES.map(([name, path, says]) => ({
      name,
      args: ['calibrate', '--model', tiny, '--rank', '4', '--count', '3', '--images', path],
      says: [says],
    })),
  );
});
