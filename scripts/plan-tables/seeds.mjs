/** Plans that fuzzing begins with: one of every operation that no plan among them has. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

const root = new URL('../../', import.meta.url);
const folder = new URL('test/data/fuzz/plan/', root);

export async function writeMissingSeeds(names) {
  const known = readdirSync(folder).map((name) => readFileSync(new URL(name, folder), 'latin1'));
  const missing = names.filter((name) => !known.some((seed) => seed.includes(`"op":"${name}"`)));
  if (missing.length === 0) return;
  const load = (path) => import(new URL(`dist/${path}`, root));
  const { CASES } = await load('test/conformance/cases.js');
  const { Random } = await load('test/support/random.js');
  const { serializePlan } = await load('src/plan/file.js');
  for (const name of missing) {
    if (!CASES[name]) {
      console.error(`no file of test/conformance/cases exports a case maker \`${name}\``);
      process.exit(1);
    }
    writeFileSync(new URL(`one-${name}-1`, folder), serializePlan(CASES[name](new Random(1)).plan));
  }
}
