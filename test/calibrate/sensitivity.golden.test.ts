/** Sensitivities measured on the device against the authors' (icc-*.sensitivity). */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { backends, openDevice } from '../../src/backend/choose.js';
import { Probe } from '../../src/calibrate/probe.js';
import { DenoiserCheckpoint } from '../../src/engine/checkpoint.js';
import { CALIBRATE, STORE } from '../../src/models/layers/actions.js';
import type { SafetensorsFile } from '../../src/weights/safetensors.js';
import { uniformActions } from '../support/actions.js';
import { assertClose } from '../support/compare.js';
import { goldenFiles, goldenFolder, openGolden, requireKind, toleranceOf } from '../support/golden.js';

const TOLERANCE = 1e-4;

const NAME = /^icc-(\w+)\.sensitivity\.safetensors$/;
const files = goldenFiles(NAME);

requireKind('sensitivities', files);

for (const { name: backend, available, detail } of backends()) {
  for (const file of files) {
    describe(`${file} on ${backend}`, { skip: available ? false : detail }, () => {
      const golden = openGolden(file);
      const checkpoint = new DenoiserCheckpoint(
        `${goldenFolder()}/dit-${NAME.exec(file)![1]}.weights.safetensors`,
      );
      const batches = [...golden.tensors.keys()].filter((name) => /^x\d+$/.test(name)).length;

      for (const [family, increments] of [
        ['mag', false],
        ['delta_mag', true],
      ] as const)
        test(family, async () => {
          const sequences = golden.tensors.get('x0')!.shape[0]!;
          const { network } = checkpoint;
          const device = await openDevice(backend, { weights: 'f32' });
          const weights = device.loadWeights(checkpoint);
          const probe = await Probe.create({
            network,
            device,
            weights,
            sequences,
            increments,
            secondMoments: false,
            places: [STORE, CALIBRATE].map((action) => uniformActions(network, action)),
          });
          for (let batch = 0; batch < batches; batch++) {
            if (!increments) {
              await probe.evaluate(0, golden.read(`x${batch}`), conditions(golden, batch, 0));
              continue;
            }
            await probe.evaluate(0, golden.read(`x${batch}`), conditions(golden, batch, 0));
            await probe.evaluate(1, golden.read(`xn${batch}`), conditions(golden, batch, 1));
          }
          const statistics = probe.finish();
          let compared = 0;
          for (const name of golden.tensors.keys()) {
            const [, of, block, linear, side] = /^(\w+)\.block(\d+)\.(\w+)_(rwtv|lwtv)$/.exec(name) ?? [];
            if (of !== family) continue;
            const measured = statistics.get(`blocks.${block}.${linear}`)!;
            const vector = side === 'rwtv' ? measured.input : measured.output;
            assertClose(vector, golden.read(name), toleranceOf(file, TOLERANCE), name);
            compared++;
          }
          assert.equal(compared, network.blocks.length * 12);
          probe.dispose();
          weights.dispose();
          await device.dispose();
        });
    });
  }
}

/** Timesteps and labels of a recorded batch, `earlier` steps on. */
function conditions(golden: SafetensorsFile, batch: number, earlier: number) {
  const labels = golden.readIntegers(`y${batch}`);
  return golden.readIntegers(`t${batch}`).map((t, i) => ({
    timestep: t - earlier,
    conditions: { labels: [labels[i]!] },
  }));
}
