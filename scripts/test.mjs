/**
 * Runs the tests, one file on each processor at a time: node:test by itself leaves one processor free, of two that is half. Those that
 * compile most begin first. Ends as node:test does.
 *
 *     --release    runs test/install too, which installs packed packages as users do and takes minutes more
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';
import { parallelJobs } from './parallel.mjs';
import { answerHelp } from './usage.mjs';

answerHelp(import.meta.url);

/** What takes longest, so that nothing long is left for the end. */
const FIRST = ['cuda', 'native', 'browser'];
/**
 * Milliseconds after which a file has failed because it hangs: many times what the longest one takes. Node itself can hang when a process
 * ends (nodejs/node#54918).
 */
const PATIENCE = 30 * 60_000;

const root = fileURLToPath(new URL('..', import.meta.url));
const tests = join(root, 'dist/test');
const release = process.argv.includes('--release');
const others = readdirSync(tests).filter(
  (folder) => !FIRST.includes(folder) && (release || folder !== 'install'),
);
const files = [...FIRST, ...others].flatMap((folder) =>
  readdirSync(join(tests, folder))
    .filter((name) => name.endsWith('.test.js'))
    .map((name) => join(tests, folder, name)),
);
process.chdir(root);
const events = run({ files, concurrency: await parallelJobs(), timeout: PATIENCE });
events.on('test:fail', ({ todo }) => {
  if (todo === undefined || todo === false) process.exitCode = 1;
});
const report = events.compose(new spec());
report.pipe(process.stdout);
// A file that hung may not have ended although it was told to; nobody waits for it any longer.
report.on('end', () => process.stdout.write('', () => process.exit()));
