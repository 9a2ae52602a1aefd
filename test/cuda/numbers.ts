/** The fast mode of the CUDA backend: weights and products in bfloat16. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import type { Device, WeightSource } from '../../src/backend/backend.js';
import { roundBf16 } from '../../src/backend/bf16.js';
import { openDevice } from '../../src/backend/choose.js';
import { DiTCheckpoint } from '../../src/engine/checkpoint.js';
import type { DiTConfig } from '../../src/models/config.js';
import type { OpName } from '../../src/plan/types.js';
import type { SafetensorsFile } from '../../src/weights/safetensors.js';
import { inBf16 } from '../conformance/bf16.js';
import { CASES, type ConformanceCase } from '../conformance/cases.js';
import { compare } from '../conformance/compare.js';
import { runCase } from '../conformance/run.js';
import { assertClose } from '../support/compare.js';
import {
  type Denoiser,
  type DenoiserOptions,
  openDenoiser,
  periodic,
  uncached,
} from '../support/denoiser.js';
import { goldenFiles, goldenFolder, openGolden } from '../support/golden.js';
import { goldenFactors } from '../support/goldenFactors.js';
import { Random } from '../support/random.js';
import { enter, type Place } from './places.js';

const RUNS_PER_OP = 20;
const RANK = 16;

/** Operands are the same on both sides; products round what they sum once or twice, and results once. */
const TOLERANCE = 2 ** -7;

/** That of the native backend, whose roundings are the same (test/native/bf16.test.ts). */
const FORWARD_TOLERANCE = 7e-3;

export function testNumbers(place: Place): void {
  describe(`bf16 on ${place.name}`, { skip: place.skip }, () => {
    let device: Device;
    let oracle: Device;
    before(async () => {
      enter(place);
      device = await openDevice('cuda');
      oracle = await openDevice('reference');
    });
    after(async () => {
      await device.dispose();
      await oracle.dispose();
    });

    test('is what a device is opened in', () => {
      assert.equal(device.backend, 'cuda');
      assert.equal(device.activations, 'bf16');
    });

    for (const op of Object.keys(CASES) as OpName[])
      test(op, () =>
        fc.assert(
          fc.asyncProperty(fc.integer(), async (seed) => {
            const narrow = withRoundedWeights(inBf16(CASES[op](new Random(seed))));
            const first = await runCase(device, narrow);
            compare(narrow, first, await runCase(oracle, narrow));
            assert.deepEqual(await runCase(device, narrow), first, 'the second run has other bits');
          }),
          { numRuns: RUNS_PER_OP },
        ),
      );

    for (const file of goldenFiles(/^dit-\w+\.forward\.safetensors$/))
      test(`${file}: near to the recorded forward pass`, async () => {
        const golden = openGolden(file);
        const checkpoint = openCheckpoint(file.split('.')[0]!);
        const denoiser = await openNarrow(checkpoint.config, checkpoint, golden.readIntegers('y').length);
        const output = await evaluate(denoiser, golden, 0, ['x', 't']);
        assertClose(output, golden.read('out'), FORWARD_TOLERANCE, 'out');
        await denoiser.dispose();
      });

    for (const form of ['input', 'rank'] as const)
      test(`a full, then a calibrated step, ${form} form: near to the recorded ones`, async () => {
        const golden = openGolden('icc-a.cd-r16.safetensors');
        const checkpoint = openCheckpoint('dit-a');
        const sensitivity = openGolden('icc-a.sensitivity.safetensors');
        const factors = goldenFactors(checkpoint, sensitivity, 'cd', RANK);
        const weights = { read: (name: string) => factors.get(name) ?? checkpoint.read(name) };
        const sequences = golden.readIntegers('y').length;
        const steps = periodic(checkpoint.config, 2, 2, 'calibrate');
        const denoiser = await openNarrow(checkpoint.config, weights, sequences, { steps, form, rank: RANK });
        const full = await evaluate(denoiser, golden, 0, ['x_full', 't_full']);
        assertClose(full, golden.read('out_full'), FORWARD_TOLERANCE, 'out_full');
        const calibrated = await evaluate(denoiser, golden, 1, ['x_inc', 't_inc']);
        assertClose(calibrated, golden.read('out_inc'), FORWARD_TOLERANCE, 'out_inc');
        await denoiser.dispose();
      });
  });
}

function withRoundedWeights({ plan, values, tolerance }: ConformanceCase): ConformanceCase {
  const rounded = new Map(values);
  for (const { name, role } of plan.buffers)
    if (role === 'weight') rounded.set(name, Float32Array.from(values.get(name)!, roundBf16));
  return { plan, values: rounded, tolerance: Math.max(tolerance, TOLERANCE) };
}

const openCheckpoint = (model: string) => new DiTCheckpoint(`${goldenFolder()}/${model}.weights.safetensors`);

function openNarrow(
  config: DiTConfig,
  weights: WeightSource,
  sequences: number,
  options: Partial<DenoiserOptions> = {},
): Promise<Denoiser> {
  const narrow = { precision: 'bf16', activations: 'bf16' } as const;
  return openDenoiser({
    backend: 'cuda',
    config,
    weights,
    sequences,
    steps: uncached(config),
    ...narrow,
    ...options,
  });
}

/** An evaluation whose latents and timesteps were recorded under these names. */
function evaluate(denoiser: Denoiser, golden: SafetensorsFile, step: number, [x, t]: [string, string]) {
  return denoiser.evaluate(step, golden.read(x), golden.readIntegers(t), golden.readIntegers('y'));
}
