/** Ends its process while runs are under way. Arguments: model, exit code, milliseconds after the first step. */
import { Pipeline } from '../../src/pipeline/pipeline.js';
import { LONG_WORK } from './work.js';

const [path, code, delay] = [process.argv[2]!, Number(process.argv[3]), Number(process.argv[4])];
const pipeline = await Pipeline.load(path, { backend: 'native', threads: 2 });
await pipeline.generate(LONG_WORK, ({ index }) => {
  if (index > 0) return;
  process.stdout.write('begun');
  setTimeout(() => process.exit(code), delay);
});
