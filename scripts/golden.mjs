/**
 * Runs every golden suite (the test files whose names end in golden.test.js) on a folder of recorded inputs and outputs:
 *
 *     node scripts/golden.mjs [folder]     (default test/golden)
 *
 * The suites take sizes, names and tolerances from the folder, run on every backend that is present, and skip the kinds of
 * files that it does not have. Prints each failure, what was skipped and why, and at the end `N passed, N failed`. Exit code
 * 0 when something passed and nothing failed, 1 otherwise, 2 for what is no folder.
 */
import { readdirSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { run } from 'node:test';
import { fileURLToPath } from 'node:url';
import { answerHelp } from './usage.mjs';

answerHelp(import.meta.url);

const root = fileURLToPath(new URL('..', import.meta.url));
const [given, ...rest] = process.argv.slice(2);
const folder = resolve(given ?? join(root, 'test/golden'));

if (rest.length > 0) refuse(`golden takes one folder; expected no '${rest.join(' ')}'`);
if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory())
  refuse(`folder is '${folder}'; expected a folder of recorded inputs and outputs`);

// Only a folder that was named may lack kinds of files.
if (given !== undefined) process.env.INCACHE_GOLDEN = folder;

const tests = join(root, 'dist/test');
const files = readdirSync(tests, { recursive: true, encoding: 'utf8' })
  .filter((name) => /(^|[\\/.])golden\.test\.js$/.test(name))
  .map((name) => join(tests, name))
  .sort();

const counts = { passed: 0, failed: 0 };
const skipped = new Map();

const stream = run({ files, concurrency: Math.min(availableParallelism(), files.length) });
stream.on('test:pass', (event) => count(event, 'passed'));
stream.on('test:fail', (event) => count(event, 'failed'));
stream.on('test:stderr', ({ message }) => process.stderr.write(message));
stream.on('end', finish);
stream.resume();

function count({ name, file, skip, details }, outcome) {
  if (skip !== undefined && skip !== false) {
    // The reasons repeat: of a backend that is absent in every suite.
    const reason = typeof skip === 'string' ? skip : name;
    skipped.set(reason, (skipped.get(reason) ?? 0) + 1);
    return;
  }
  // A suite passes with its tests and fails with them; one that fails by itself, as a file that cannot be loaded, counts.
  const { type, error } = details;
  const isOwn = type !== 'suite' || (outcome === 'failed' && error?.failureType !== 'subtestsFailed');
  const isFile = file === undefined || name === file || name === relative(process.cwd(), file);
  if (!isOwn || (isFile && (outcome === 'passed' || error?.failureType === 'subtestsFailed'))) return;
  counts[outcome]++;
  if (outcome === 'failed')
    process.stdout.write(
      `failed: ${relative(tests, file ?? name)}: ${name}\n    ${error?.cause?.message ?? error?.message}\n`,
    );
}

function finish() {
  for (const [reason, times] of skipped) process.stdout.write(`skipped ${times}: ${reason}\n`);
  process.stdout.write(`${counts.passed} passed, ${counts.failed} failed\n`);
  process.exitCode = counts.failed === 0 && counts.passed > 0 ? 0 : 1;
}

function refuse(message) {
  process.stderr.write(`${message}\n`);
  process.exit(2);
}
