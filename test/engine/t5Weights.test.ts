/** A trained T5 encoder with narrow weights beside transformers in float32. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { backends, openDevice } from '../../src/backend/choose.js';
import { T5Checkpoint } from '../../src/engine/t5Checkpoint.js';
import { T5TextEncoder } from '../../src/engine/t5TextEncoder.js';
import { requireModelFolder } from '../../src/modelPackages.js';
import { SafetensorsFile } from '../../src/weights/safetensors.js';
import { assertClose, relativeL2 } from '../support/compare.js';
import { sequencesOf } from '../support/tokenSequences.js';

/** Relative L2 of the embeddings; measured 5.1e-3 and 1.6e-2. */
const NARROW = [
  { backend: 'native', weights: 'bf16', tolerance: 1e-2 },
  { backend: 'wasm', weights: 'int8', tolerance: 3e-2 },
] as const;

for (const { backend, weights, tolerance } of NARROW) {
  const { available = false, detail } = backends().find(({ name }) => name === backend) ?? {};
  test(`a trained encoder in ${weights} on ${backend}`, { skip: !available && detail }, async () => {
    const model = requireModelFolder('emoji');
    using golden = SafetensorsFile.open(join(model, 'pipeline.golden.safetensors'));
    using checkpoint = new T5Checkpoint(join(model, 'text_encoder'));
    const device = await openDevice(backend, { weights });
    const encoder = new T5TextEncoder(checkpoint, device);
    const expected = golden.read('prompt_embeds');
    const embeddings = await encoder.encode(sequencesOf(golden, '', 'mask'));
    assertClose(embeddings, expected, tolerance, 'embeddings');
    assert.ok(relativeL2(embeddings, expected) > 1e-3, 'the weights are narrow');
    encoder.dispose();
    await device.dispose();
  });
}
