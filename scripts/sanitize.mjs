/**
 * Builds the library and its C tests with the sanitizers, each in build/sanitize-*, runs them, and prints one line for each:
 * memory and undefined behaviour with the best kernels of this machine and with the portable ones, then data races.
 * Ends with 1 when one fails.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parallelJobs } from './parallel.mjs';
import { answerHelp } from './usage.mjs';

answerHelp(import.meta.url);

const root = fileURLToPath(new URL('..', import.meta.url));
const threads = String(await parallelJobs());

const BUILDS = [
  { folder: 'sanitize-address', sanitizers: 'address,undefined', instructionSets: ['', 'portable'] },
  { folder: 'sanitize-thread', sanitizers: 'thread', instructionSets: [''] },
];

let failed = false;
for (const { folder, sanitizers, instructionSets } of BUILDS) {
  const build = join(root, 'build', folder);
  if (!report(`${sanitizers}: build`, compile(build, sanitizers))) continue;
  for (const set of instructionSets) report(`${sanitizers}: ${set || 'best'} kernels`, runTests(build, set));
}
process.exit(failed ? 1 : 0);

function compile(build, sanitizers) {
  const options = {
    CMAKE_BUILD_TYPE: 'RelWithDebInfo',
    // What the tests check for is there at any level; this one is the quickest to build and run together.
    CMAKE_C_FLAGS_RELWITHDEBINFO: '-O1 -g',
    CMAKE_CXX_FLAGS_RELWITHDEBINFO: '-O1 -g',
    INCACHE_SANITIZE: sanitizers,
    INCACHE_TESTS: 'ON',
    INCACHE_CUDA: 'OFF',
    INCACHE_TEST_MODEL: join(root, 'test/data/tiny.incache'),
  };
  const settings = Object.entries(options).map(([name, value]) => `-D${name}=${value}`);
  const configured = run('cmake', ['-S', root, '-B', build, ...settings]);
  return configured.ok ? run('cmake', ['--build', build, '--parallel', threads]) : configured;
}

function runTests(build, instructionSet) {
  return run('ctest', ['--test-dir', build, '--output-on-failure', '--no-tests=error'], {
    INCACHE_ISA: instructionSet,
  });
}

function run(command, args, environment = {}) {
  const start = performance.now();
  const { error, status, stdout, stderr } = spawnSync(command, args, {
    encoding: 'utf8',
    env: { ...process.env, ...environment },
    maxBuffer: 2 ** 28,
  });
  const seconds = (performance.now() - start) / 1000;
  return { ok: status === 0, seconds, output: error ? `${error.message}\n` : `${stdout}${stderr}` };
}

function report(name, { ok, seconds, output }) {
  console.log(`${name}: ${ok ? 'passed' : 'failed'} (${seconds.toFixed(0)} s)`);
  if (!ok) process.stderr.write(output);
  failed ||= !ok;
  return ok;
}
