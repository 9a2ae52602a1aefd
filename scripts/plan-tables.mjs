/**
 * Writes what follows from src/plan/schema.ts and is not TypeScript: the tables of the C++ library and the table in docs/plans.md.
 * With --check it writes nothing and fails when one of them is not what it would write. Needs `tsc` to have run.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { declarations, definitions } from './plan-tables/cpp.mjs';
import { docsTable } from './plan-tables/docs.mjs';

const root = new URL('../', import.meta.url);
const { SCHEMA } = await import(new URL('dist/src/plan/schema.js', root));

const docs = readFileSync(new URL('docs/plans.md', root), 'utf8');
const outputs = {
  'docs/plans.md': docs.replace(
    /(<!-- operations -->\n).*(<!-- end of operations -->)/s,
    (_, start, end) => `${start}${docsTable(SCHEMA)}${end}`,
  ),
  'cpp/core/plan_ops.h': declarations(SCHEMA),
  'cpp/core/plan_schema.inc': definitions(SCHEMA),
};

let stale = false;
for (const [path, text] of Object.entries(outputs)) {
  const url = new URL(path, root);
  if (!process.argv.includes('--check')) writeFileSync(url, text);
  else if (readFileSync(url, 'utf8') !== text) {
    process.stderr.write(`${path} is not what src/plan/schema.ts gives: npm run plan:tables\n`);
    stale = true;
  }
}
process.exitCode = stale ? 1 : 0;
