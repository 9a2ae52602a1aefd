/**
 * Builds the fuzz targets of the C library (cpp/fuzz) with Clang under AddressSanitizer and UndefinedBehaviorSanitizer,
 * runs each, reads mutated files with every reader in TypeScript, and sends requests to a server. Prints executions and
 * findings; ends with 1 when there is one.
 *
 *     --minutes N      for each target in C; default 1
 *     --target NAME    only this one: plan, model, json, files for the readers in TypeScript, or requests for the
 *                      server; may be given again
 *     --files N        mutated files for the readers together; default 10,000
 *     --requests N     to a server; default 100,000
 *     --seed N         of the mutations; default 1
 *
 * What a target finds is kept in build/fuzz/findings, the inputs that reach new code in build/fuzz/corpus.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { answerHelp } from './usage.mjs';

answerHelp(import.meta.url);

const root = fileURLToPath(new URL('..', import.meta.url));
const build = join(root, 'build/fuzz');
const findings = join(build, 'findings');
const NATIVE = ['plan', 'model', 'json'];
const OTHERS = ['files', 'requests'];

const { values: options } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    target: { type: 'string', multiple: true, default: [...NATIVE, ...OTHERS] },
    files: { type: 'string', default: '10000' },
    requests: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
  },
});
const seconds = Math.round(60 * Number(options.minutes));
const unknown = options.target.find((name) => ![...NATIVE, ...OTHERS].includes(name));
if (!(seconds > 0)) end(`--minutes is '${options.minutes}'; expected a number above 0`);
if (unknown !== undefined) end(`--target is '${unknown}'; expected plan, model, json, files or requests`);

let failed = false;
mkdirSync(findings, { recursive: true });
const targets = NATIVE.filter((name) => options.target.includes(name));
if (targets.length > 0) compile(targets);
for (const name of targets) fuzz(name);
if (options.target.includes('files')) mutateFiles();
if (options.target.includes('requests')) sendRequests();
process.exit(failed ? 1 : 0);

/** The library is compiled once for all targets. */
function compile(names) {
  const settings = {
    CMAKE_C_COMPILER: process.env.CC ?? 'clang',
    CMAKE_CXX_COMPILER: process.env.CXX ?? 'clang++',
    CMAKE_BUILD_TYPE: 'RelWithDebInfo',
    INCACHE_FUZZ: 'ON',
    INCACHE_TESTS: 'OFF',
    INCACHE_CUDA: 'OFF',
    INCACHE_SANITIZE: 'address,undefined',
  };
  const defines = Object.entries(settings).map(([name, value]) => `-D${name}=${value}`);
  const threads = String(availableParallelism());
  require('cmake', ['-S', root, '-B', build, ...defines]);
  require('cmake', [
    ...['--build', build, '--parallel', threads, '--target'],
    ...names.map((name) => `incache_fuzz_${name}`),
  ]);
}

function fuzz(name) {
  const corpus = join(build, 'corpus', name);
  mkdirSync(corpus, { recursive: true });
  const started = performance.now();
  const { status, output } = run(
    join(build, `incache_fuzz_${name}`),
    [
      `-max_total_time=${seconds}`,
      '-print_final_stats=1',
      // An input that takes a minute under the sanitizers is a finding.
      '-timeout=60',
      `-artifact_prefix=${join(findings, `${name}-`)}`,
      ...[corpus, join(root, 'test/data/fuzz', name)],
    ],
    // A file may ask for any amount of memory: what is too much is refused, and must be borne.
    { ASAN_OPTIONS: 'allocator_may_return_null=1:max_allocation_size_mb=256' },
  );
  const executions = /stat::number_of_executed_units:\s*(\d+)/.exec(output)?.[1] ?? '0';
  const coverage = [...output.matchAll(/cov: (\d+)/g)].at(-1)?.[1] ?? '0';
  const facts = `${Number(executions).toLocaleString('en')} executions, ${coverage} edges`;
  report(name, status === 0, facts, started, output);
}

function mutateFiles() {
  const started = performance.now();
  const program = join(root, 'dist/test/readers/mutated.js');
  const { status, output } = run(process.execPath, [program, options.files, options.seed, findings]);
  report('files', status === 0, `\n${output.trim()}\n`, started, output);
}

function sendRequests() {
  const started = performance.now();
  const { status, output } = run(process.execPath, ['--test', join(root, 'dist/test/server/fuzz.test.js')], {
    INCACHE_FUZZED_REQUESTS: options.requests,
    INCACHE_FUZZ_SEED: options.seed,
  });
  report('requests', status === 0, `${options.requests} requests`, started, output);
}

function report(name, passed, facts, started, output) {
  const log = join(findings, `${name}.log`);
  const kept = readdirSync(findings).filter((file) => file.startsWith(`${name}-`));
  const found = passed
    ? 'no finding'
    : `FAILED, see ${[log, ...kept.map((file) => join(findings, file))].join(', ')}`;
  if (!passed) writeFileSync(log, output);
  console.log(`${name}: ${facts}, ${found} (${((performance.now() - started) / 1000).toFixed(0)} s)`);
  failed ||= !passed;
}

function run(command, args, environment = {}) {
  const { error, status, stdout, stderr } = spawnSync(command, args, {
    encoding: 'utf8',
    env: { ...process.env, ...environment },
    maxBuffer: 2 ** 30,
  });
  return { status, output: error ? `${error.message}\n` : `${stdout}${stderr}` };
}

function require(command, args) {
  const { status, output } = run(command, args);
  if (status !== 0)
    end(
      `${output}\n${command} failed; the targets need CMake and Clang with its run-time library (compiler-rt)`,
    );
}

function end(text) {
  console.error(text);
  process.exit(1);
}
