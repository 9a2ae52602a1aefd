import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DenoiserCheckpoint } from '../../src/engine/checkpoint.js';
import { planSession } from '../../src/engine/sessionPlan.js';
import { computeAll } from '../../src/models/stepPlans.js';
import { planCost } from '../../src/plan/cost.js';
import { periodic } from '../support/denoiser.js';
import { goldenFiles, goldenFolder, openGolden, requireKind } from '../support/golden.js';

describe("MACs of an image and step are those of the authors' formulas", () => {
  const NAME = /^icc-(\w+)\.\w+-r(\d+)\.safetensors$/;
  const files = goldenFiles(NAME).filter((file) => openGolden(file).tensors.has('macs_full_gmac'));

  requireKind('counts of MACs', files);
  for (const file of files)
    test(file, () => {
      using golden = openGolden(file);
      const [, model, rank] = NAME.exec(file)! as unknown as [string, string, string];
      using checkpoint = new DenoiserCheckpoint(`${goldenFolder()}/dit-${model}.weights.safetensors`);
      const { network } = checkpoint;
      const macs = (scatter?: 'reuse' | 'calibrate') => {
        const steps = scatter ? periodic(network, 2, 2, scatter) : [computeAll(network)];
        const plan = planSession(network, { sequences: 3, conditions: 1, steps, rank: () => Number(rank) });
        // They count the conditioning at every step, once an image.
        const conditioning = planCost(plan.conditioning).macs / plan.chunkSteps;
        return planCost(plan.plans[plan.courses.at(-1)![0]!.plan]!).macs / 3 + conditioning;
      };
      const recorded = (name: string) => Math.round(golden.readFloat64(name)[0]! * 1e9);
      assert.equal(macs(), recorded('macs_full_gmac'));
      assert.equal(macs('calibrate'), recorded('macs_inc_gmac'));
      assert.equal(macs('reuse'), recorded('macs_reuse_gmac'));
    });
});
