import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { namedConfig, tensorShapes, writeSafetensors } from '../../src/index.js';

const SIZE = 'DiT-XL/2';

/** Loads the model, takes one step of one image and says the most memory the process ever had. */
const PROGRAM = `
  import { DiTPipeline } from ${JSON.stringify(new URL('../../src/index.js', import.meta.url).href)};
  const pipeline = await DiTPipeline.load(process.argv[1]);
  for await (const step of pipeline.sample({ labels: [3], guidanceScale: 1, steps: 2 })) break;
  process.stdout.write(String(process.resourceUsage().maxRSS * 1024));
  await pipeline.dispose();
`;

/** The peak resident memory of a process with DiT-XL/2 in float32, against the size of the file. */
export async function residentMemory() {
  const folder = mkdtempSync(join(tmpdir(), 'incache-bench-'));
  try {
    const path = join(folder, 'xl.safetensors');
    writeRandomModel(path);
    const fileBytes = statSync(path).size;
    const args = ['--input-type=module', '-e', PROGRAM, path];
    const peakBytes = Number(execFileSync(process.execPath, args, { encoding: 'utf8' }));
    const ratio = peakBytes / fileBytes;
    const giga = (bytes: number) => (bytes / 1e9).toFixed(2);
    const text = `${SIZE} float32: file ${giga(fileBytes)} GB, peak resident ${giga(peakBytes)} GB, ratio ${ratio.toFixed(3)} (limit 1.2)`;
    return { text, fileBytes, peakBytes, ratio };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Small random weights; a tensor is made when its turn to be written comes. */
function writeRandomModel(path: string): void {
  const tensors = [...tensorShapes(namedConfig(SIZE))].map(([name, shape]) => ({
    name,
    dtype: 'F32' as const,
    shape,
    data: () => randomValues(shape.reduce((a, b) => a * b, 1)),
  }));
  writeSafetensors(path, tensors);
}

function randomValues(count: number): Float32Array {
  const values = new Float32Array(count);
  for (let i = 0; i < count; i++) values[i] = (Math.random() - 0.5) * 0.04;
  return values;
}
