/** What `incache info` says of a recipe, and of one whose times are of another machine. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { ownFileReport } from '../../src/cli/ownFileReport.js';
import { machineName } from '../../src/evaluate/runs/tuneBench.js';
import { Recipe } from '../../src/pipeline/recipe.js';
import { temporaryFolder } from '../support/folder.js';

test('a recipe says how it was measured, and that times are not of this machine where they are not', () => {
  const path = join(temporaryFolder(), 'recipe.safetensors');
  const factsOf = (machine: string) => {
    const measured = {
      ...{ psnr: 40.5, spread: 1.25, macs: 0.5, time: 0.6, cacheBytes: 2048, images: 8, seed: 3, batch: 4 },
      ...{ backend: 'native', threads: 2, machine },
    };
    const info = {
      modelHash: 'a'.repeat(64),
      sampler: 'ddim',
      steps: 8,
      guidanceScale: 1.5,
      measured,
      createdBy: 'test',
    };
    new Recipe({ info, parameters: { policy: 'reuse', period: 2 } }).save(path);
    return ownFileReport(path)!.facts;
  };
  const here = factsOf(machineName());
  assert.equal(here['PSNR, dB'], '40.50 +- 1.25 over the images');
  assert.equal(here.warning, undefined);
  assert.match(
    String(factsOf('another').warning),
    /^times are not of this machine, .*; incache tune measures them here$/,
  );
});
