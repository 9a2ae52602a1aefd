import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { FactorSet, type FactorSetInfo, type LayerFactors } from '../../src/cache/data/factorSet.js';
import { FormatError, IncacheError } from '../../src/errors.js';
import { SafetensorsFile, type TensorToWrite, writeSafetensors } from '../../src/weights/safetensors.js';
import { Random } from '../support/random.js';

const folder = mkdtempSync(join(tmpdir(), 'incache-factors-'));
after(() => rmSync(folder, { recursive: true }));

const INFO: FactorSetInfo = {
  method: 'cd',
  modelHash: 'abc123',
  source: '256 images of the training set, "quoted", ümlaut',
  seed: 7,
  images: 256,
  sampler: 'ddim',
  steps: 50,
  createdBy: 'incache 0.1.0',
};

function randomLayer(rows: number, columns: number, rank: number, seed: number): LayerFactors {
  const random = new Random(seed);
  return { rank, rows, columns, up: random.normals(rows * rank), down: random.normals(rank * columns) };
}

const LAYERS = new Map([
  ['blocks.0.q', randomLayer(6, 6, 2, 1)],
  ['blocks.0.fc1', randomLayer(12, 6, 3, 2)],
  ['blocks.10.fc2', randomLayer(6, 12, 6, 3)],
  ['blocks.10.proj', randomLayer(6, 6, 0, 4)],
]);

function savedSet(name: string): string {
  const path = join(folder, name);
  new FactorSet(INFO, LAYERS).save(path);
  return path;
}

/** A good file, taken apart and put together again with a change. */
function changedFile(
  name: string,
  change: (tensors: Map<string, TensorToWrite>, metadata: Record<string, string>) => void,
): string {
  using good = SafetensorsFile.open(savedSet('good.safetensors'));
  const tensors = new Map<string, TensorToWrite>();
  for (const [tensor, { shape }] of good.tensors)
    tensors.set(tensor, { name: tensor, dtype: 'F32', shape, data: good.read(tensor) });
  const metadata = { ...good.metadata };
  change(tensors, metadata);
  const path = join(folder, name);
  writeSafetensors(path, tensors.values(), metadata);
  return path;
}

function refuses(path: string, message: RegExp): void {
  assert.throws(
    () => FactorSet.load(path),
    (error) => {
      assert.ok(error instanceof FormatError, `${error}`);
      assert.match(error.message, message);
      assert.ok(error.message.includes(path), 'the message names the file');
      return true;
    },
  );
}

test('factors rounded to bfloat16 take half the file, and come back as they are', () => {
  const rounded = new FactorSet(INFO, LAYERS).rounded();
  const path = join(folder, 'rounded.safetensors');
  rounded.save(path);
  const back = FactorSet.load(path);
  assert.deepEqual(back.layers, rounded.layers);
  assert.equal(back.hash, rounded.hash);
  using file = SafetensorsFile.open(path);
  assert.equal(file.entry('blocks.0.q.up').dtype, 'BF16');
  for (const [name, { up }] of LAYERS)
    for (const [i, value] of up.entries()) {
      const error = Math.abs(rounded.read(`${name}.up`)[i]! - value);
      assert.ok(error <= Math.abs(value) * 2 ** -8, `${name} ${i}`);
    }
});

test('a file gives back what was saved, bit for bit', () => {
  const loaded = FactorSet.load(savedSet('round.safetensors'));
  assert.deepEqual(loaded.info, INFO);
  assert.deepEqual(loaded.layers, LAYERS);
});

test('the file is a safetensors file that says what it is', () => {
  using file = SafetensorsFile.open(savedSet('plain.safetensors'));
  assert.equal(file.metadata.format, 'incache-factors');
  assert.equal(file.metadata.version, '1');
  assert.deepEqual(JSON.parse(file.metadata.ranks!), {
    'blocks.0.q': 2,
    'blocks.0.fc1': 3,
    'blocks.10.fc2': 6,
    'blocks.10.proj': 0,
  });
  assert.deepEqual(file.entry('blocks.0.fc1.up').shape, [12, 3]);
  assert.deepEqual(file.entry('blocks.0.fc1.down').shape, [3, 6]);
});

test('saving twice gives the same bytes, and leaves nothing else behind', () => {
  assert.deepEqual(readFileSync(savedSet('one.safetensors')), readFileSync(savedSet('two.safetensors')));
  assert.ok(readdirSync(folder).every((name) => name.endsWith('.safetensors')));
});

test('factors are served as weights', () => {
  const set = new FactorSet(INFO, LAYERS);
  assert.equal(set.read('blocks.0.q.up'), LAYERS.get('blocks.0.q')!.up);
  assert.equal(set.read('blocks.10.fc2.down'), LAYERS.get('blocks.10.fc2')!.down);
  assert.equal(set.rank('blocks.0.fc1'), 3);
  assert.equal(set.rank('blocks.10.proj'), 0);
  for (const name of ['blocks.0.k.up', 'blocks.0.q', 'blocks.0.q.bias', '.up'])
    assert.throws(() => set.read(name), IncacheError, name);
  assert.throws(() => set.rank('blocks.0.k'), /blocks\.0\.k/);
});

test('another model is refused with both hashes', () => {
  const set = new FactorSet(INFO, LAYERS);
  set.requireModel('abc123');
  assert.throws(
    () => set.requireModel('fed456'),
    (error) => {
      assert.ok(error instanceof IncacheError);
      assert.match(error.message, /abc123.*fed456/);
      return true;
    },
  );
});

test('layers and information that are not what they must be', () => {
  const layer = LAYERS.get('blocks.0.q')!;
  const make = (change: Partial<LayerFactors>) => () =>
    new FactorSet(INFO, new Map([['x', { ...layer, ...change }]]));
  assert.throws(make({ rank: 3 }), { name: 'ArgumentError', argument: 'x.up.length' });
  assert.throws(make({ rank: 7 }), { name: 'ArgumentError', argument: 'x.rank' });
  assert.throws(make({ down: layer.down.subarray(1) }), { name: 'ArgumentError', argument: 'x.down.length' });
  assert.throws(make({ up: layer.up.with(3, Number.NaN) }), /x\.up holds NaN at element 3/);
  const withInfo = (change: object) => () => new FactorSet({ ...INFO, ...change }, LAYERS);
  assert.throws(withInfo({ method: 'best' }), { name: 'ArgumentError', argument: 'method' });
  assert.throws(withInfo({ modelHash: undefined }), { name: 'ArgumentError', argument: 'modelHash' });
  assert.throws(withInfo({ seed: -1 }), { name: 'ArgumentError', argument: 'seed' });
});

test('files of something else', () => {
  refuses(
    changedFile('format.safetensors', (_, metadata) => {
      metadata.format = 'pt';
    }),
    /is not a file of factors: its format is pt/,
  );
  refuses(
    changedFile('bare.safetensors', (_, metadata) => {
      delete metadata.format;
    }),
    /is not a file of factors: its format is missing/,
  );
  const text = join(folder, 'text.safetensors');
  writeFileSync(text, 'not a safetensors file');
  refuses(text, /not a valid safetensors file/);
});

test('metadata that is missing or wrong', () => {
  const keys = [
    'version',
    'method',
    'modelHash',
    'source',
    'seed',
    'images',
    'sampler',
    'steps',
    'createdBy',
    'ranks',
  ];
  for (const key of keys) {
    refuses(
      changedFile(`without-${key}.safetensors`, (_, metadata) => {
        delete metadata[key];
      }),
      new RegExp(`no '${key}'`),
    );
  }
  const wrong = (key: string, value: string, message: RegExp) =>
    refuses(
      changedFile(`wrong-${key}.safetensors`, (_, metadata) => {
        metadata[key] = value;
      }),
      message,
    );
  wrong('version', '2', /of version 2; this incache reads version 1/);
  wrong('method', 'best', /method 'best'.*expected one of svd, ca, cd/);
  wrong('seed', '1.5', /seed '1.5'/);
  wrong('images', '', /images ''/);
  wrong('steps', '-3', /steps '-3'/);
  wrong('ranks', '[2]', /ranks '\[2\]'/);
  wrong('ranks', '{', /ranks '\{'/);
  wrong('ranks', '{}', /lists rank none for 'blocks\.0\.q'/);
});

test('tensors that are missing, foreign or do not fit', () => {
  const tensor = (name: string, shape: readonly number[], fill = 1): TensorToWrite => ({
    name,
    dtype: 'F32',
    shape,
    data: new Float32Array(shape.reduce((product, size) => product * size, 1)).fill(fill),
  });
  const withTensor = (name: string, shape: readonly number[], message: RegExp, fill?: number) =>
    refuses(
      changedFile('tensor.safetensors', (tensors) => {
        tensors.set(name, tensor(name, shape, fill));
      }),
      message,
    );
  for (const side of ['up', 'down']) {
    refuses(
      changedFile('pair.safetensors', (tensors) => {
        tensors.delete(`blocks.0.q.${side}`);
      }),
      new RegExp(`no tensor 'blocks\\.0\\.q\\.${side}'`),
    );
  }
  refuses(
    changedFile('layer.safetensors', (tensors) => {
      tensors.delete('blocks.0.q.up');
      tensors.delete('blocks.0.q.down');
    }),
    /lists 'blocks\.0\.q', but has no factors for it/,
  );
  withTensor('blocks.0.q.up', [6, 3], /'blocks\.0\.q\.up' has rank 3, but 'blocks\.0\.q\.down' has rank 2/);
  withTensor('blocks.0.q.up', [1, 2], /rank of 'blocks\.0\.q' is 2, above 1 x 6/);
  withTensor('blocks.0.q.up', [12], /of shape \[12\]; expected an F32 or BF16 matrix/);
  withTensor('blocks.0.q.down', [2, 6], /'blocks\.0\.q\.down' holds NaN at element 0/, Number.NaN);
  withTensor('blocks.0.q.down', [2, 6], /holds Infinity/, Number.POSITIVE_INFINITY);
  withTensor('pos_embed', [2, 6], /has a tensor 'pos_embed'/);
  withTensor('blocks.1.q.up', [6, 2], /no tensor 'blocks\.1\.q\.down'/);
  refuses(
    changedFile('dtype.safetensors', (tensors) => {
      const name = 'blocks.0.q.up';
      tensors.set(name, { name, dtype: 'F16', shape: [6, 2], data: new Uint16Array(12) });
    }),
    /is F16 of shape \[6,2\]; expected an F32 or BF16 matrix/,
  );
});

test('a file cut short', () => {
  const path = savedSet('cut.safetensors');
  truncateSync(path, readFileSync(path).length - 4);
  refuses(path, /not a valid safetensors file/);
});

test('a file that is not there', () => {
  assert.throws(() => FactorSet.load(join(folder, 'none.safetensors')), IncacheError);
});
