import { execFileSync } from 'node:child_process';
import { median } from '../../src/bench/measure.js';

const ROUNDS = 11;

/** A process from its start to the first denoising step of the embedded model. */
const PROGRAM = `
  import { DiTPipeline, EMBEDDED_MODEL } from ${JSON.stringify(new URL('../../src/index.js', import.meta.url).href)};
  const pipeline = await DiTPipeline.load(EMBEDDED_MODEL);
  for await (const step of pipeline.sample({ labels: [3] })) break;
  process.stdout.write(String(performance.now()));
  await pipeline.dispose();
`;

/** performance.now() counts from the start of the process, so loading Node itself is in. */
export async function startUp() {
  const times = Array.from({ length: ROUNDS }, () =>
    Number(execFileSync(process.execPath, ['--input-type=module', '-e', PROGRAM], { encoding: 'utf8' })),
  );
  const milliseconds = median(times);
  const text = `start of the process to the first step taken, embedded model, one image: ${milliseconds.toFixed(0)} ms, median of ${ROUNDS} (limit 500)`;
  return { text, milliseconds, rounds: ROUNDS };
}
