import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { DenoisingSession } from '../../src/engine/session.js';
import { planSession } from '../../src/engine/sessionPlan.js';
import { relativeL2 } from '../../src/evaluate/metrics/relativeL2.js';
import { DenoiserCheckpoint, openDevice, type WeightPrecision } from '../../src/index.js';
import { computeAll } from '../../src/models/stepPlans.js';
import { SafetensorsFile } from '../../src/weights/index.js';

const folder = process.env.INCACHE_GOLDEN ?? fileURLToPath(new URL('../../../test/golden', import.meta.url));

/** The relative L2 error of the golden forward passes with weights in float32 and in int8. */
export async function int8Error() {
  const files = readdirSync(folder).filter((name) => name.endsWith('.forward.safetensors'));
  const rows: { model: string; f32: number; int8: number }[] = [];
  for (const file of files) {
    const model = file.split('.')[0]!;
    rows.push({ model, f32: await forwardError(model, 'f32'), int8: await forwardError(model, 'int8') });
  }
  const lines = rows.map(
    ({ model, f32, int8 }) => `| ${model} | ${f32.toExponential(1)} | ${int8.toExponential(1)} |`,
  );
  return { text: ['| forward pass | f32 | int8 x 12 bit |', '|---|---|---|', ...lines].join('\n'), rows };
}

async function forwardError(model: string, weights: WeightPrecision): Promise<number> {
  using golden = SafetensorsFile.open(`${folder}/${model}.forward.safetensors`);
  using checkpoint = new DenoiserCheckpoint(`${folder}/${model}.weights.safetensors`);
  const device = await openDevice('wasm', { weights });
  const labels = golden.readIntegers('y');
  const { network } = checkpoint;
  const sizes = { sequences: labels.length, conditions: labels.length };
  const plan = planSession(network, { ...sizes, steps: [computeAll(network)] });
  using session = await DenoisingSession.create(device, device.loadWeights(checkpoint), plan);
  const timesteps = golden.readIntegers('t');
  await session.condition(
    timesteps.map((timestep, i) => ({ timestep, conditions: { labels: [labels[i]!] } })),
  );
  const rows = Int32Array.from(labels.keys());
  const output = await session.evaluate(0, golden.read('x'), rows);
  await device.dispose();
  return relativeL2(output, golden.read('out'));
}
