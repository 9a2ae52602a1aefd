/** Prints, as JSON, the latents of runs of the model of digits; `engine.test.ts` compares them with those of a page. */

import { EMBEDDED_MODEL } from '../../src/embedded.js';
import { Pipeline } from '../../src/pipeline/pipeline.js';

const runs = JSON.parse(process.argv[2]!);
const pipeline = await Pipeline.load(EMBEDDED_MODEL, { backend: 'wasm', threads: 1 });
const latents = [];
for (const run of runs) {
  const result = await pipeline.generateLatents(run);
  latents.push(Buffer.from(result.latents.buffer).toString('base64'));
}
const hash = await pipeline.checkpoint.loadHash();
process.stdout.write(JSON.stringify({ arithmetic: pipeline.device.arithmetic, hash, latents }));
await pipeline.dispose();
