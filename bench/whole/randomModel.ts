import { openDevice } from '../../src/backend/choose.js';
import { stepActions } from '../../src/cache/policy.js';
import { Schedule, scheduleLayers } from '../../src/cache/schedule.js';
import { normals } from '../../src/diffusion/philox.js';
import { DenoisingSession } from '../../src/engine/session.js';
import { planSession } from '../../src/engine/sessionPlan.js';
import { namedConfig, tensorShapes } from '../../src/models/config.js';
import { type Contender, interleave, median, medianRatio } from '../measure.js';

const SIZE = 'DiT-S/2';
const IMAGES = 2;
/** A ninth of the hidden size, as 128 is of DiT-XL's. */
const RANK = 42;
const PERIOD = 2;
const STEPS = 4;
const ROUNDS = 5;

/**
 * Steps of a DiT-S/2 of random weights, two images with guidance: in full, and with p = 2. What a period costs does not
 * depend on how many there are, so four steps stand for the fifty of a trajectory.
 */
export async function randomModel() {
  const config = namedConfig(SIZE);
  const shapes = tensorShapes(config);
  const read = (name: string, count: number, scale: number) =>
    normals(1, hash(name), 0, count).map((v) => v * scale);
  const source = {
    read: (name: string) => {
      const shape = shapes.get(name) ?? factorShape(name, config.hiddenSize, config.mlpSize);
      const count = shape.reduce((a, b) => a * b, 1);
      return read(name, count, shape.length > 1 ? (count / shape[0]!) ** -0.5 : 0.1);
    },
  };
  const sequences = 2 * IMAGES;
  const latents = normals(2, 0, 0, sequences * config.inChannels * config.inputSize ** 2);
  const rows = Int32Array.from({ length: sequences }, (_, i) => i);
  const results = [];
  for (const [backend, weights, threads] of [
    ['native', 'f32', 1],
    ['native', 'f32', 2],
    ['native', 'bf16', 2],
    ['wasm', 'f32', 2],
  ] as const) {
    const device = await openDevice(backend, { weights, threads }).catch(() => undefined);
    if (!device) continue;
    const onDevice = device.loadWeights(source);
    const open = (period: number) => {
      const schedule = Schedule.fromPeriod(scheduleLayers(config.depth, 'linear'), PERIOD, period);
      const steps = stepActions(schedule, config.depth, () => 'calibrate');
      const { activations } = device;
      return DenoisingSession.create(
        device,
        onDevice,
        planSession(config, { sequences, labels: sequences, steps, rank: () => RANK, activations }),
      );
    };
    const sessions = [await open(1), await open(PERIOD)];
    const contenders: Contender[] = sessions.map((session, i) => ({
      name: i ? 'calibrated' : 'full',
      flops: 2 * session.plan.stepMacs * (STEPS / PERIOD),
      run: async () => {
        await session.condition(Array.from({ length: sequences }, (_, label) => ({ timestep: 500, label })));
        for (let step = 0; step < STEPS; step++) await session.evaluate(step % PERIOD, latents, rows);
      },
    }));
    const [full, calibrated] = await interleave(contenders, { rounds: ROUNDS, warmUp: 1 });
    results.push({
      name: `${backend} ${weights}, ${threads} ${threads === 1 ? 'thread' : 'threads'}`,
      fullMilliseconds: median(full!) / STEPS,
      calibratedMilliseconds: median(calibrated!) / STEPS,
      speedup: medianRatio(full!, calibrated!),
      macRatio: sessions[0]!.plan.stepMacs / sessions[1]!.plan.stepMacs,
    });
    for (const session of sessions) session.dispose();
    await device.dispose();
  }
  const lines = results.map(
    (r) =>
      `| ${r.name} | ${r.fullMilliseconds.toFixed(1)} | ${r.calibratedMilliseconds.toFixed(1)} | ${r.speedup.toFixed(2)} | ${r.macRatio.toFixed(2)} |`,
  );
  const text = [
    `${SIZE}, random weights, ${IMAGES} images with guidance, r = ${RANK}, p = ${PERIOD}, median of ${ROUNDS} interleaved`,
    '',
    '| | full, ms a step | calibrated, ms a step | faster by | by MACs |',
    '|---|---|---|---|---|',
    ...lines,
  ].join('\n');
  return { text, size: SIZE, images: IMAGES, rank: RANK, period: PERIOD, rounds: ROUNDS, rows: results };
}

/** Of `factors.blocks.0.fc1.down` and its like. */
function factorShape(name: string, hidden: number, mlp: number): readonly [number, number] {
  const inputs = name.includes('.fc2.') ? mlp : hidden;
  const outputs = name.includes('.fc1.') ? mlp : hidden;
  return name.endsWith('.down') ? [RANK, inputs] : [outputs, RANK];
}

/** A stream of the generator for each tensor. */
function hash(name: string): number {
  let value = 0;
  for (const character of name) value = (Math.imul(value, 31) + character.charCodeAt(0)) >>> 0;
  return value;
}
