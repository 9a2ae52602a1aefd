/** T5's and UMT5's encoders beside transformers': embeddings and what goes into every layer, on every backend. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import type { Device } from '../../src/backend/backend.js';
import { backends, openDevice } from '../../src/backend/choose.js';
import { T5Checkpoint } from '../../src/engine/t5Checkpoint.js';
import { T5TextEncoder } from '../../src/engine/t5TextEncoder.js';
import { bucketOf, positionBias } from '../../src/models/t5/positionBias.js';
import type { SafetensorsFile } from '../../src/weights/safetensors.js';
import { assertClose } from '../support/compare.js';
import { goldenFiles, goldenFolder, openGolden } from '../support/golden.js';
import { sequencesOf } from '../support/tokenSequences.js';

const TOLERANCE = 1e-4;

/** Recorded runs, and where the weights lie in each form. */
const ENCODERS = [
  { folder: 't5', weights: ['t5/single', 't5/bin', 'pixart/alpha/text_encoder'] },
  { folder: 'video/umt5', weights: ['video/umt5/model.safetensors', 'video/umt5/duplicates.safetensors'] },
].flatMap(({ folder, weights }) =>
  ['', 'text/'].map((above) => ({
    folder: above + folder,
    weights: weights.map((path) => above + path).filter((path) => existsSync(`${goldenFolder()}/${path}`)),
  })),
);

const runs = ENCODERS.flatMap(({ folder, weights }) =>
  weights.flatMap((path) => goldenFiles(/^encoder\..*safetensors$/, folder).map((file) => ({ file, path }))),
);

for (const { name: backend, available, detail } of backends())
  describe(`T5 on ${backend}`, { skip: !available && detail }, () => {
    let device: Device;
    before(async () => {
      device = await openDevice(backend, { weights: 'f32' });
    });
    after(() => device?.dispose());

    for (const { file, path } of runs)
      test(`${file} with ${path}`, async () => {
        using golden = openGolden(file);
        using checkpoint = new T5Checkpoint(`${goldenFolder()}/${path}`);
        using encoder = new T5TextEncoder(checkpoint, device);
        for (const suffix of suffixes(golden)) {
          const sequences = sequencesOf(golden, suffix);
          const close = (name: string, actual: Float32Array) => {
            if (golden.names.includes(name)) assertClose(actual, golden.read(name), TOLERANCE, name);
          };
          const last = await encoder.encode(sequences, {
            onHidden: (layer, hidden) => close(`hidden.${layer}${suffix}`, hidden),
          });
          close(`last_hidden_state${suffix}`, last);
        }
      });
  });

for (const { folder, weights } of ENCODERS) {
  const [buckets] = goldenFiles(/^buckets\.safetensors$/, folder);
  if (buckets)
    test(`${buckets}: the bucket of every distance`, () => {
      using golden = openGolden(buckets);
      const distances = golden.read('relative_position');
      const config = { buckets: 32, maxDistance: 128 };
      assert.deepEqual(
        [...distances].map((distance) => bucketOf(distance, config)),
        [...golden.read('bucket')],
      );
    });
  const [recorded] = goldenFiles(/^encoder\.golden\.safetensors$/, folder);
  if (recorded && weights[0])
    test(`${recorded}: the bias of every head, query and key`, () => {
      using golden = openGolden(recorded);
      if (!golden.names.includes('position_bias')) return;
      using checkpoint = new T5Checkpoint(`${goldenFolder()}/${weights[0]}`);
      const { shape } = golden.entry('position_bias');
      const table = checkpoint.read('encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight');
      assert.deepEqual(positionBias(table, checkpoint.config, shape.at(-1)!), golden.read('position_bias'));
    });
}

/** A file has one run, or several whose tensors end in the number of tokens. */
function suffixes(golden: SafetensorsFile): string[] {
  return golden.names
    .filter((name) => name.startsWith('input_ids'))
    .map((name) => name.slice('input_ids'.length));
}
