/** PyTorch files made here: what the recorded ones do not have, hostile ones above all. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { zipSync } from 'fflate';
import { FormatError } from '../../src/errors.js';
import { openTensors } from '../../src/weights/openTensors.js';
import { temporaryFolder } from '../support/folder.js';
import {
  called,
  dictionary,
  integer,
  name,
  op,
  type Pickled,
  pickle,
  tensor,
  text,
  tuple,
  writeTorchZip,
} from '../support/torchFile.js';

const folder = temporaryFolder();
const path = join(folder, 'model.pt');
const values = Float32Array.of(1, 2, 3, 4, 5, 6);
const bytesOf = (array: Float32Array): Uint8Array[] => [new Uint8Array(array.buffer)];

type Arrays = Readonly<Record<string, Float32Array>>;

function write(root: Pickled, records: Arrays = { 0: values }): string {
  return writeTorchZip(
    path,
    root,
    Object.entries(records).map(([key, array]) => [key, bytesOf(array)] as const),
  );
}

function refusal(root: Pickled, records?: Arrays): string {
  write(root, records);
  try {
    openTensors(path).close();
  } catch (error) {
    assert.ok(error instanceof FormatError, String(error));
    assert.ok(error.message.includes(path));
    return error.message;
  }
  return assert.fail('it was not refused');
}

const good = tensor({ key: '0', shape: [2, 3] });

describe('PyTorch files', () => {
  test('a tensor is read in place, whole or as a view of its storage', () => {
    write(
      dictionary({
        whole: good,
        turned: tensor({ key: '0', shape: [3, 2], strides: [1, 3] }),
        last: tensor({ key: '0', shape: [2], offset: 4, elements: 6 }),
      }),
    );
    using file = openTensors(path);
    assert.deepEqual(file.names, ['whole', 'turned', 'last']);
    assert.deepEqual([...file.read('whole')], [1, 2, 3, 4, 5, 6]);
    assert.deepEqual([...file.read('turned')], [1, 4, 2, 5, 3, 6]);
    assert.deepEqual([...file.read('last')], [5, 6]);
    assert.throws(() => file.read('none'), /has no tensor 'none'/);
  });

  test('float8 widens, in the types that torch names', () => {
    const untyped = Buffer.concat([
      tuple(text('storage'), name('torch.storage', 'UntypedStorage'), text('0'), text('cpu'), integer(3)),
      op('Q'),
    ]);
    const rebuilt = (dtype: string): Pickled =>
      called(
        name('torch._utils', '_rebuild_tensor_v3'),
        untyped,
        integer(0),
        tuple(integer(3)),
        tuple(integer(1)),
        op('\x89'),
        called(name('collections', 'OrderedDict')),
        name('torch', dtype),
      );
    const bytes = Uint8Array.of(0x38, 0xc0, 0x7e);
    writeTorchZip(path, dictionary({ a: rebuilt('float8_e4m3fn'), b: rebuilt('float8_e5m2') }), [
      ['0', [bytes]],
    ]);
    using file = openTensors(path);
    assert.equal(file.entry('a').dtype, 'F8_E4M3');
    assert.deepEqual([...file.read('a')], [1, -2, 448]);
    assert.deepEqual([...file.read('b').subarray(0, 2)], [0.5, -2]);
    assert.ok(Number.isNaN(file.read('b')[2]));
  });

  test('the weights of a training checkpoint are found where trainers put them', () => {
    const state = (key: string): Pickled => dictionary({ w: tensor({ key, shape: [1] }) });
    const cases: [Pickled, string | undefined, number][] = [
      [
        dictionary({ epoch: integer(3), state_dict: state('1'), step: tensor({ key: '0', shape: [1] }) }),
        undefined,
        1,
      ],
      [dictionary({ model: state('0'), ema: dictionary({ module: state('1') }) }), undefined, 1],
      [dictionary({ model: state('0'), ema: dictionary({ module: state('1') }) }), 'model', 0],
      [dictionary({ ours: state('1'), settings: called(name('some.trainer', 'Settings')) }), undefined, 1],
    ];
    const records = { 0: Float32Array.of(0), 1: Float32Array.of(1) };
    for (const [root, weightsKey, expected] of cases) {
      write(root, records);
      using file = openTensors(path, weightsKey === undefined ? {} : { weightsKey });
      assert.deepEqual([...file.read('w')], [expected]);
    }
    write(dictionary({ first: state('0'), second: state('1') }), records);
    assert.throws(
      () => openTensors(path),
      /^ArgumentError: weightsKey is missing; expected one of first, second/,
    );
  });

  test('objects of unknown classes stay what they are, and names that can run code are refused', () => {
    write(
      dictionary({
        model: dictionary({ w: good }),
        args: called(name('mytrainer.config', 'Settings'), integer(1)),
      }),
    );
    openTensors(path).close();
    for (const [module, id] of [
      ['os', 'system'],
      ['builtins', 'eval'],
      ['subprocess', 'Popen'],
      ['torch', '_utils.os.system'],
    ])
      assert.match(
        refusal(dictionary({ w: good, x: called(name(module!, id!), text('true')) })),
        /can run code; nothing of it was run/,
      );
  });

  test('a whole module, which only its own code can read, is called so', () => {
    assert.match(
      refusal(called(name('models', 'DiT'), good)),
      /an object of models\.DiT, which only its own code can read/,
    );
  });

  const lies: [string, Parameters<typeof tensor>[0], RegExp][] = [
    ['more elements than its record', { key: '0', shape: [7] }, /should have 28 bytes and has 24/],
    ['a view past the end', { key: '0', shape: [2], offset: 5, elements: 6 }, /reaches beyond storage '0'/],
    [
      'a stride past the end',
      { key: '0', shape: [2, 2], strides: [5, 1], elements: 6 },
      /reaches beyond storage '0'/,
    ],
    ['no record', { key: '9', shape: [1] }, /has no record 'archive\/data\/9'/],
    ['a key that leads elsewhere', { key: '../../etc/passwd', shape: [1] }, /has no record/],
    [
      'an expanded view of terabytes',
      { key: '0', shape: [2 ** 20, 2 ** 20], strides: [0, 0], elements: 6 },
      /repeats the 24 bytes/,
    ],
    [
      'a quantised type',
      { key: '0', shape: [6], type: 'QInt8Storage' },
      /is of type torch\.QInt8Storage, which is not read/,
    ],
    [
      'a size beyond 2^53',
      { key: '0', shape: [2 ** 31, 2 ** 31], strides: [0, 0], elements: 6 },
      /more than 2\^53 bytes/,
    ],
  ];
  for (const [what, parts, message] of lies)
    test(`refuses a tensor with ${what}`, () =>
      assert.match(refusal(dictionary({ w: tensor(parts) })), message));

  const raw: [string, Buffer, RegExp][] = [
    [
      'lists without end',
      Buffer.concat([op('\x80\x02'), Buffer.alloc(2_100_000, ']'), op('.')]),
      /more than 2000000 objects/,
    ],
    [
      'marks without end',
      Buffer.concat([op('\x80\x02'), Buffer.alloc(17_000_000, '('), op('.')]),
      /more than 16000000 operations/,
    ],
    ['a whole number of gigabytes', op('\x80\x02\x8b\xff\xff\xff\x7f.'), /a whole number of \d+ bytes/],
    ['a text of gigabytes', op('\x80\x02X\xff\xff\xff\x7fabc.'), /ends \d+ bytes too early/],
    ['a text of exabytes', op('\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\x7fabc.'), /too early/],
    ['an unknown operation', op('\x80\x02\xff.'), /no pickle operation 0xff/],
    ['an unknown protocol', op('\x80\x63N.'), /protocol 99/],
    ['a mark that was not set', op('\x80\x02Nt.'), /closes what it has not opened/],
    ['a key without a value', op('\x80\x02}(Nu.'), /a key without a value/],
    ['nothing', Buffer.alloc(0), /ends too early/],
  ];
  for (const [what, bytes, message] of raw)
    test(`refuses a pickle of ${what}`, () => {
      writeFileSync(path, zipSync({ 'archive/data.pkl': [bytes, { level: 0 }] }));
      assert.throws(
        () => openTensors(path),
        (error: Error) => error instanceof FormatError && message.test(error.message),
      );
    });

  test('random pickles are read or refused, never anything else', () => {
    const codes = '(.01FGIJKLMNPQRSTUVX]adeghilopqrstu})bc2\x80\x81\x85\x86\x87\x88\x89\x8a\x8c\x93\x94';
    let seed = 1;
    const random = (below: number): number => {
      seed = (seed * 1103515245 + 12345) % 2 ** 31;
      return seed % below;
    };
    for (let round = 0; round < 2000; round++) {
      const start = pickle(dictionary({ w: good }));
      const at = random(start.length);
      const middle = op(Array.from({ length: 1 + random(6) }, () => codes[random(codes.length)]).join(''));
      const bytes = Buffer.concat([start.subarray(0, at), middle, start.subarray(at + random(8))]);
      writeFileSync(
        path,
        zipSync({ 'a/data.pkl': [bytes, { level: 0 }], 'a/data/0': [new Uint8Array(24), { level: 0 }] }),
      );
      try {
        using file = openTensors(path);
        for (const tensorName of file.names) file.read(tensorName);
      } catch (error) {
        assert.ok(
          error instanceof FormatError || (error as Error).name === 'ArgumentError',
          (error as Error).stack,
        );
      }
    }
  });

  test('a compressed record that unpacks to far more than weights do is refused before it is unpacked', () => {
    const bomb = new Uint8Array(2 ** 26);
    writeFileSync(
      path,
      zipSync({
        'a/data.pkl': pickle(dictionary({ w: tensor({ key: '0', shape: [2 ** 24] }) })),
        'a/data/0': bomb,
      }),
    );
    using file = openTensors(path);
    assert.throws(() => file.read('w'), /unpacks \d+ bytes to 67108864, more than weights do/);
  });

  test('what is a zip and no checkpoint is said to be so', () => {
    const message = (entries: Record<string, Uint8Array>): string => {
      writeFileSync(path, zipSync(entries));
      try {
        openTensors(path);
      } catch (error) {
        return (error as Error).message;
      }
      return '';
    };
    assert.match(
      message({ 'a.npy': new Uint8Array(1) }),
      /a zip archive of numpy arrays \(\.npz\); expected a PyTorch checkpoint/,
    );
    assert.match(message({ 'a.txt': new Uint8Array(1) }), /whose first entry is 'a\.txt'/);
    assert.match(
      message({ 'm/data.pkl': new Uint8Array(1), 'm/code/x.py': new Uint8Array(1) }),
      /a TorchScript archive/,
    );
  });
});
