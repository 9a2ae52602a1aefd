/**
 * Runs the tests, one file on each processor at a time: node:test by itself leaves one processor free, of two that is half. Those that
 * compile most begin first. Ends as node:test does.
 *
 *     --release    runs test/install too, which installs packed packages as users do and takes minutes more
 */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parallelJobs } from './parallel.mjs';
import { answerHelp } from './usage.mjs';

answerHelp(import.meta.url);

const FIRST = 'cuda';

const root = fileURLToPath(new URL('..', import.meta.url));
const tests = join(root, 'dist/test');
const release = process.argv.includes('--release');
const folders = readdirSync(tests)
  .filter((folder) => release || folder !== 'install')
  .sort((a, b) => Number(b === FIRST) - Number(a === FIRST));
const files = folders.flatMap((folder) =>
  readdirSync(join(tests, folder))
    .filter((name) => name.endsWith('.test.js'))
    .map((name) => join(tests, folder, name)),
);
const options = ['--test', '--test-reporter=spec', `--test-concurrency=${await parallelJobs()}`];
const { status } = spawnSync(process.execPath, [...options, ...files], { cwd: root, stdio: 'inherit' });
process.exit(status ?? 1);
