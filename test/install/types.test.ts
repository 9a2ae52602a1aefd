/** The types of the packed package, under every resolution, as strict as can be and without skipLibCheck. */
import assert from 'node:assert/strict';
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Packed, PLATFORM, ROOT, run } from './packed.js';

const PROGRAM = `
import { backends, Pipeline, type BackendStatus } from 'incache';
import { type CalibrateOptions, calibrate, imageSource } from 'incache/calibrate';
import { createSampler, type Sampler } from 'incache/diffusion';
import { type Evaluation, frechetDistance, tune } from 'incache/evaluate';
import { type ExperimentName, runExperiment } from 'incache/experiment';
import { namedNetwork, type Network } from 'incache/models';
import { type Plan, planCost } from 'incache/plan';
import { openTensors, type TensorSource } from 'incache/weights';
export type { CalibrateOptions, Evaluation, ExperimentName, Network, Plan, Sampler, TensorSource };
export const functions = [
  ...[calibrate, imageSource, createSampler, frechetDistance, tune, runExperiment],
  ...[namedNetwork, planCost, openTensors],
];
const all: BackendStatus[] = backends();
const pipeline = await Pipeline.load('dit.safetensors');
const { images } = await pipeline.generate({ labels: [3], steps: 4, cache: { policy: 'reuse', period: 2 } });
console.log(all.length, images[0]?.width);
await pipeline.dispose();
`;
const RESOLUTIONS = [
  ['node16', 'node16'],
  ['nodenext', 'nodenext'],
  ['esnext', 'bundler'],
] as const;

describe('TypeScript', () => {
  const packed = new Packed();
  let folder: string;
  before(() => {
    folder = packed.project('types', [PLATFORM], { type: 'module' });
    assert.equal(run('npm', ['install', '--offline', '--no-audit', '--no-fund'], folder).status, 0);
    // Who has Node.js' types has them as a development package.
    symlinkSync(join(ROOT, 'node_modules/@types'), join(folder, 'node_modules/@types'));
    symlinkSync(join(ROOT, 'node_modules/undici-types'), join(folder, 'node_modules/undici-types'));
    writeFileSync(join(folder, 'program.ts'), PROGRAM);
  });
  after(() => packed[Symbol.dispose]());

  for (const [module, resolution] of RESOLUTIONS)
    test(`accepts the types under ${resolution}`, () => {
      const options = {
        module,
        moduleResolution: resolution,
        target: 'es2022',
        lib: ['es2023', 'esnext.disposable'],
        strict: true,
        exactOptionalPropertyTypes: true,
        skipLibCheck: false,
        noEmit: true,
        types: ['node'],
      };
      const config = { compilerOptions: options, files: ['program.ts'] };
      writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
      const { stdout } = run(
        process.execPath,
        [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', '.'],
        folder,
      );
      assert.equal(stdout, '');
    });
});
