/**
 * Writes what follows from src/plan/schema.ts by code of other languages: the tables of the C++ library, the table in docs/plans.md and
 * the lists by which each backend finds its kernels. It adds a plan of a new operation to those that fuzzing begins with. With --check it writes nothing, and fails when one of them is not what it would
 * write; `tsc` must have run then.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { docsTable } from './plan-tables/docs.mjs';
import { kernelLists } from './plan-tables/kernels.mjs';
import { writeMissingSeeds } from './plan-tables/seeds.mjs';
import { answerHelp } from './usage.mjs';

answerHelp(import.meta.url);

const root = new URL('../', import.meta.url);
const checks = process.argv.includes('--check');
// Of a new operation the lists lack the kernel, which the compiler says: it emits the schema all the same.
if (!checks) spawnSync('npx', ['tsc', '-p', '.'], { cwd: root });
const { declarations, definitions } = await import('./plan-tables/cpp.mjs');
const { SCHEMA } = await import(new URL('dist/src/plan/schema.js', root));

const docs = readFileSync(new URL('docs/plans.md', root), 'utf8');
const outputs = {
  'docs/plans.md': docs.replace(
    /(<!-- operations -->\n).*(<!-- end of operations -->)/s,
    (_, start, end) => `${start}${docsTable(SCHEMA)}${end}`,
  ),
  'cpp/core/plan_ops.h': declarations(SCHEMA),
  'cpp/core/plan_schema.inc': definitions(SCHEMA),
  ...kernelLists(SCHEMA),
};

let stale = false;
for (const [path, text] of Object.entries(outputs)) {
  const url = new URL(path, root);
  if (!checks) writeFileSync(url, text);
  else if (!existsSync(url) || readFileSync(url, 'utf8') !== text) {
    process.stderr.write(`${path} is not what src/plan/schema.ts gives: npm run plan:tables\n`);
    stale = true;
  }
}
if (!checks) await writeMissingSeeds(Object.keys(SCHEMA));
process.exitCode = stale ? 1 : 0;
