/**
 * Runs the tests, one file on each processor at a time: node:test by itself leaves one processor free, of two that is half. Those that
 * compile most begin first. Ends as node:test does.
 *
 *     --release    runs the checks before a release too, which take minutes more
 */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parallelJobs } from './parallel.mjs';

const FIRST = 'cuda';

const root = fileURLToPath(new URL('..', import.meta.url));
const tests = join(root, 'dist/test');
const folders = readdirSync(tests).sort((a, b) => Number(b === FIRST) - Number(a === FIRST));
const files = folders.flatMap((folder) =>
  readdirSync(join(tests, folder))
    .filter((name) => name.endsWith('.test.js'))
    .map((name) => join(tests, folder, name)),
);
const options = ['--test', '--test-reporter=spec', `--test-concurrency=${await parallelJobs()}`];
const release = process.argv.includes('--release');
const env = { ...process.env, ...(release && { INCACHE_RELEASE_CHECKS: '1' }) };
const { status } = spawnSync(process.execPath, [...options, ...files], { cwd: root, env, stdio: 'inherit' });
process.exit(status ?? 1);
