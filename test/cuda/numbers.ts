/** The fast modes of the CUDA backend: weights and products in 16-bit types. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import type { Device, WeightSource } from '../../src/backend/backend.js';
import { openDevice } from '../../src/backend/choose.js';
import { rounding } from '../../src/backend/half.js';
import { DenoiserCheckpoint } from '../../src/engine/checkpoint.js';
import type { Network } from '../../src/models/network.js';
import type { OpName } from '../../src/plan/types.js';
import type { SafetensorsFile } from '../../src/weights/safetensors.js';
import { CASES, type ConformanceCase } from '../conformance/cases.js';
import { compare } from '../conformance/compare.js';
import { HALF_STEP, type HalfType, inHalf } from '../conformance/half.js';
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

const RUNS_PER_OP = 10;
const RANK = 16;

/** In bf16 that of the native backend, whose roundings are the same (test/native/bf16.test.ts). */
const FORWARD_TOLERANCE: Readonly<Record<HalfType, number>> = { bf16: 7e-3, f16: 1e-3 };

export function testNumbers(place: Place): void {
  for (const type of ['bf16', 'f16'] as const) testType(place, type);
}

function testType(place: Place, type: HalfType): void {
  const tolerance = FORWARD_TOLERANCE[type];
  describe(`${type} on ${place.name}`, { skip: place.skip }, () => {
    let device: Device;
    let oracle: Device;
    before(async () => {
      enter(place);
      device = await openDevice('cuda', { weights: type });
      oracle = await openDevice('reference');
    });
    after(async () => {
      await device.dispose();
      await oracle.dispose();
    });

    test('is the type of activations too', () => {
      assert.equal(device.backend, 'cuda');
      assert.equal(device.activations, type);
    });

    for (const op of Object.keys(CASES) as OpName[])
      test(op, () =>
        fc.assert(
          fc.asyncProperty(fc.integer(), async (seed) => {
            const narrow = withRoundedWeights(CASES[op](new Random(seed)), type);
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
        const denoiser = await openNarrow(
          type,
          checkpoint.network,
          checkpoint,
          golden.readIntegers('y').length,
        );
        const output = await evaluate(denoiser, golden, 0, ['x', 't']);
        assertClose(output, golden.read('out'), tolerance, 'out');
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
        const steps = periodic(checkpoint.network, 2, 2, 'calibrate');
        const denoiser = await openNarrow(type, checkpoint.network, weights, sequences, {
          steps,
          form,
          rank: RANK,
        });
        const full = await evaluate(denoiser, golden, 0, ['x_full', 't_full']);
        assertClose(full, golden.read('out_full'), tolerance, 'out_full');
        const calibrated = await evaluate(denoiser, golden, 1, ['x_inc', 't_inc']);
        assertClose(calibrated, golden.read('out_inc'), tolerance, 'out_inc');
        await denoiser.dispose();
      });
  });
}

/** Operands are the same on both sides; products round what they sum once or twice, and results once. */
function withRoundedWeights(wide: ConformanceCase, type: HalfType): ConformanceCase {
  const { plan, values, tolerance } = inHalf(wide, type);
  const rounded = new Map(values);
  for (const { name, role } of plan.buffers)
    if (role === 'weight') rounded.set(name, Float32Array.from(values.get(name)!, rounding(type)!));
  return { plan, values: rounded, tolerance: Math.max(tolerance, HALF_STEP[type]) };
}

const openCheckpoint = (model: string) =>
  new DenoiserCheckpoint(`${goldenFolder()}/${model}.weights.safetensors`);

function openNarrow(
  type: HalfType,
  network: Network,
  weights: WeightSource,
  sequences: number,
  options: Partial<DenoiserOptions> = {},
): Promise<Denoiser> {
  const narrow = { precision: type, activations: type } as const;
  return openDenoiser({
    backend: 'cuda',
    network,
    weights,
    sequences,
    steps: uncached(network),
    ...narrow,
    ...options,
  });
}

/** An evaluation whose latents and timesteps were recorded under these names. */
function evaluate(denoiser: Denoiser, golden: SafetensorsFile, step: number, [x, t]: [string, string]) {
  return denoiser.evaluate(step, golden.read(x), golden.readIntegers(t), golden.readIntegers('y'));
}
