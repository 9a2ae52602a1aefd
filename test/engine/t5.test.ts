/** T5's text encoder beside float64 on every backend, with weights streamed and kept, and the files that are refused. */
import assert from 'node:assert/strict';
import { renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Device } from '../../src/backend/backend.js';
import { backends, openDevice } from '../../src/backend/choose.js';
import { T5Checkpoint } from '../../src/engine/t5Checkpoint.js';
import { T5TextEncoder } from '../../src/engine/t5TextEncoder.js';
import { assertClose } from '../support/compare.js';
import { temporaryFolder } from '../support/folder.js';
import { Random } from '../support/random.js';
import { encodeInFloat64, writeTinyT5 } from '../support/tinyT5.js';

const folder = temporaryFolder();
const random = new Random(11);
const LENGTH = 19;
const sequences = [LENGTH, 1, 7].map((length) => ({
  ids: Int32Array.from({ length: LENGTH }, () => random.integer(0, 49)),
  length,
}));

for (const { name: backend, available, detail } of backends())
  describe(`T5 on ${backend}`, { skip: !available && detail }, () => {
    let device: Device;
    before(async () => {
      device = await openDevice(backend, { weights: 'f32' });
    });
    after(() => device?.dispose());

    for (const type of ['t5', 'umt5'])
      for (const keep of [false, true])
        test(`${type}, weights ${keep ? 'kept' : 'streamed'}: float64's embeddings of every token`, async () => {
          const tiny = writeTinyT5(join(folder, `${backend}-${type}-${keep}`), { model_type: type });
          using checkpoint = new T5Checkpoint(tiny.folder);
          const encoder = new T5TextEncoder(checkpoint, device, { keep });
          const encode = () => encoder.encode(sequences);
          const embeddings = await encode();
          const size = embeddings.length / sequences.length;
          for (const [i, { ids, length }] of sequences.entries())
            assertClose(
              embeddings.subarray(i * size, (i + 1) * size),
              encodeInFloat64(tiny, ids, length),
              2e-6,
              `sequence ${i}`,
            );
          // Buffers that a device shares between its plans have their size by now.
          const held = device.memoryInUse;
          assert.deepEqual(await encode(), embeddings);
          assert.equal(device.memoryInUse, held);
          encoder.dispose();
          // The reference backend keeps no weights in memory of its own.
          if (backend !== 'reference') assert.equal(device.memoryInUse < held, keep, 'what is kept is freed');
        });
  });

describe('files and arguments of a text encoder', () => {
  test('a folder without its config, another kind of T5, and tensors that are missing or misshapen', () => {
    const tiny = (name: string, changes = {}) => writeTinyT5(join(folder, name), changes).folder;
    const open = (path: string) => () => new T5Checkpoint(path);
    const bare = tiny('bare');
    rmSync(join(bare, 'config.json'));
    assert.throws(open(bare), /textEncoder is .*bare'?; expected a folder with config.json/);
    assert.throws(
      () => tiny('first', { feed_forward_proj: 'relu' }),
      /feed_forward_proj is "relu"; expected 'gated-gelu'/,
    );
    assert.throws(
      () => tiny('bert', { model_type: 'bert' }),
      /model_type is "bert"; expected 't5' or 'umt5'/,
    );
    const wide = tiny('wide');
    renameSync(join(tiny('other', { d_ff: 40 }), 'config.json'), join(wide, 'config.json'));
    assert.throws(open(wide), /DenseReluDense.wi_0.weight' has shape \[44,20\]; expected \[40,20\]/);
    const deep = tiny('deep');
    renameSync(join(tiny('deeper', { num_layers: 3 }), 'config.json'), join(deep, 'config.json'));
    assert.throws(open(deep), /encoder.block.2.* is missing/);
  });

  test('tokens of another vocabulary, sequences of several lengths, and none', async () => {
    const tiny = writeTinyT5(join(folder, 'arguments'));
    const device = await openDevice('reference');
    using checkpoint = new T5Checkpoint(tiny.folder);
    using encoder = new T5TextEncoder(checkpoint, device);
    const sequence = (ids: number[], length = ids.length) => ({ ids: Int32Array.from(ids), length });
    await assert.rejects(encoder.encode([sequence([1, 50])]), /token is 50; expected an id below 50/);
    await assert.rejects(
      encoder.encode([sequence([1]), sequence([1, 2])]),
      /of 2 tokens'; expected 1 tokens/,
    );
    await assert.rejects(encoder.encode([sequence([1], 0)]), /length of a sequence is 0/);
    await assert.rejects(encoder.encode([]), /sequences is/);
    await assert.rejects(encoder.encode([sequence([1])], { signal: AbortSignal.abort('stop') }), /stop/);
    await device.dispose();
  });
});
