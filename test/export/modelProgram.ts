/** What a program in another language does with a model file: it knows the file alone, no model and no policy. */
import type { DeviceTensor, Executable } from '../../src/backend/backend.js';
import { openDevice } from '../../src/backend/choose.js';
import { normals } from '../../src/diffusion/philox.js';
import type { ModelHeader } from '../../src/export/format.js';
import { SafetensorsFile } from '../../src/weights/safetensors.js';

export interface Request {
  readonly labels: readonly number[];
  readonly seed: number;
  readonly firstImage: number;
}

export function headerOf(file: SafetensorsFile): ModelHeader {
  return JSON.parse(file.metadata.incache!);
}

/** The latents of one batch, by the text of `ModelHeader`. */
export async function sampleFile(path: string, request: Request): Promise<Float32Array> {
  using file = SafetensorsFile.open(path);
  const header = headerOf(file);
  const device = await openDevice('wasm', { threads: 2 });
  try {
    const weights = device.loadWeights(file);
    const tensors = new Map<string, DeviceTensor>();
    for (const { name, role, type, rows, columns } of [header.conditioning, ...header.plans].flatMap(
      ({ buffers }) => buffers,
    ))
      if (role !== 'weight' && role !== 'temporary' && !tensors.has(name))
        tensors.set(name, device.allocate(rows, columns, type));
    const compile = (plan: ModelHeader['conditioning']) => device.compile(plan, { weights, tensors });
    const conditioning = await compile(header.conditioning);
    const plans: Executable[] = [];
    for (const plan of header.plans) plans.push(await compile(plan));
    return await follow(header, request, conditioning, plans, (name) => tensors.get(name)!);
  } finally {
    await device.dispose();
  }
}

async function follow(
  header: ModelHeader,
  request: Request,
  conditioning: Executable,
  plans: readonly Executable[],
  tensor: (name: string) => DeviceTensor,
): Promise<Float32Array> {
  const { images, guided, labelRows, chunkSteps, steps } = header;
  const size = header.channels * header.height * header.width;
  const noise = (stream: number) => {
    const values = new Float32Array(images * size);
    for (let i = 0; i < images; i++)
      values.set(normals(request.seed, stream, request.firstImage + i, size), i * size);
    return values;
  };
  const latents = noise(0).map((value) => value * (header.initialScale ?? 1));
  let before = new Float64Array(images * size);
  for (const [index, step] of steps.entries()) {
    const place = index % chunkSteps;
    if (place === 0) {
      const rows = Array.from({ length: chunkSteps * labelRows }, (_, row) => ({
        timestep: steps[index + Math.floor(row / labelRows)]?.timestep ?? 0,
        label: request.labels[row % labelRows] ?? header.classes,
      }));
      tensor('timesteps').write(Float32Array.from(rows, ({ timestep }) => timestep));
      tensor('labels').write(Int32Array.from(rows, ({ label }) => label));
      await conditioning.run();
    }
    const sequences = guided ? 2 * images : images;
    tensor('latents').write(
      Float32Array.from({ length: sequences * size }, (_, i) => latents[i % (images * size)]!),
    );
    tensor('rows').write(
      Int32Array.from({ length: sequences }, (_, i) => place * labelRows + Math.min(i, labelRows - 1)),
    );
    await plans[step.plan]!.run();
    const output = tensor('prediction').read() as Float32Array;
    const fresh = step.logDeviation && noise(1 + index);
    const x0s = new Float64Array(images * size);
    for (let i = 0; i < latents.length; i++) {
      const { epsilon, variance } = predictionAt(header, output, Math.floor(i / size), i % size);
      const x = latents[i]!;
      const clean = step.x0.x * x + step.x0.noise * epsilon;
      x0s[i] = step.x0.clip === undefined ? clean : Math.max(-step.x0.clip, Math.min(step.x0.clip, clean));
      const { next } = step;
      let moved = next.x * x + next.x0 * x0s[i]! + next.x0Before * before[i]! + next.noise * epsilon;
      if (step.logDeviation && fresh) {
        const [low, high] = step.logDeviation;
        moved += Math.exp(low + ((variance + 1) / 2) * (high - low)) * fresh[i]!;
      }
      latents[i] = moved;
    }
    before = x0s;
  }
  return latents;
}

/** Noise, guided where it is to be, and variance of one element of one image. */
function predictionAt(header: ModelHeader, output: Float32Array, image: number, element: number) {
  const pixels = header.height * header.width;
  const size = header.channels * pixels;
  const sequence = header.learnSigma ? 2 * size : size;
  const conditional = output[image * sequence + element]!;
  const variance = header.learnSigma ? output[image * sequence + size + element]! : 1;
  if (!header.guided || element >= header.guidanceChannels * pixels)
    return { epsilon: conditional, variance };
  const unconditional = output[(header.images + image) * sequence + element]!;
  return { epsilon: unconditional + header.guidanceScale * (conditional - unconditional), variance };
}
