/**
 * Writes what follows from src/plan/schema.ts: the tables of the C++ library, the table in docs/plans.md, the lists by which
 * each backend finds its kernels, and for a new operation a plan that fuzzing begins with. With --check it writes nothing and
 * fails if a file is not what it would write; `tsc` must have run before.
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
if (!checks) compileSchema();
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

/** The lists lack the kernels of a new operation, of which the compiler complains; it emits the schema, and exits with 2. */
function compileSchema() {
  const { status, stdout, stderr } = spawnSync('npx', ['tsc', '-p', '.'], { cwd: root, encoding: 'utf8' });
  if (status === 0 || status === 2) return;
  console.error(`src/plan/schema.ts was not compiled:\n${stdout}${stderr}`);
  process.exit(1);
}
