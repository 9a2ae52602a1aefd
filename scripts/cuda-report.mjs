/**
 * What the CUDA kernels cost in registers and memory, as ptxas reports it for each target: one line a kernel. Ends with 1
 * when a kernel spills registers or has its products serialised (ptxas C7508, C7510 to C7515), when it is missing for a target, or
 * when a unit does not compile.
 *
 *   node scripts/cuda-report.mjs               compiles every cuda/*.cu for every 16-bit type and target, one on each processor
 *   node scripts/cuda-report.mjs linear.cu     those units alone
 *   node scripts/cuda-report.mjs --type f16    for that type alone
 *   node scripts/cuda-report.mjs --log FILE    reads what a compile with `-Xptxas -v` has printed
 *
 * A whole report without a fault is recorded in cuda/report.sha256, see cuda-sources.mjs.
 * Without nvcc (the environment variable NVCC names another one) there is nothing to report, and it says so.
 */
import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { recordReport } from './cuda-sources.mjs';
import { parallelJobs } from './parallel.mjs';
import { answerHelp } from './usage.mjs';

answerHelp(import.meta.url);

const TARGETS = ['sm_80', 'sm_89', 'sm_90a'];
// As cuda/plugin.cmake has it.
const GENERATED = [
  '-gencode=arch=compute_80,code=[compute_80,sm_80,sm_89]',
  '-gencode=arch=compute_90a,code=sm_90a',
];
// What is begun first, so that processors end together.
const LONGEST = ['calibratedLinear.cu', 'attention.cu', 'calibratedMlp.cu'];
const STORAGES = ['bf16', 'f16'];
const SERIALISED = /\bC75(?:08|1[0-5])\b/;

const root = fileURLToPath(new URL('..', import.meta.url));
const nvcc = process.env.NVCC || 'nvcc';

const { values, positionals } = parseArgs({
  options: { log: { type: 'string' }, type: { type: 'string' } },
  allowPositionals: true,
});
const { log, failures } = values.log
  ? { log: readFileSync(values.log, 'utf8'), failures: [] }
  : await compileAll(positionals);
const kernels = parse(log);
printTable(kernels);
const problems = [
  ...failures,
  ...problemsOf(kernels),
  ...log.split('\n').filter((line) => SERIALISED.test(line)),
];
for (const problem of problems) console.error(problem);
const whole = !values.log && !values.type && positionals.length === 0;
if (whole && problems.length === 0) recordReport(root);
process.exit(problems.length > 0 ? 1 : 0);

async function compileAll(chosen) {
  if (spawnSync(nvcc, ['--version']).error) {
    console.log(`no report: ${nvcc} is not installed`);
    process.exit(0);
  }
  const folder = join(root, 'cuda');
  const units = chosen.length > 0 ? chosen : readdirSync(folder).filter((name) => name.endsWith('.cu'));
  const output = mkdtempSync(join(tmpdir(), 'incache-cuda-'));
  const storages = values.type ? [values.type] : STORAGES;
  units.sort((a, b) => LONGEST.indexOf(b) - LONGEST.indexOf(a));
  const waiting = units.flatMap((unit) => storages.map((storage) => ({ unit, storage })));
  const results = new Map();
  const work = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const name = `${next.unit} in ${next.storage}`;
      results.set(name, await compile(join(folder, next.unit), next.storage, join(output, `${name}.fatbin`)));
    }
  };
  await Promise.all(Array.from({ length: await parallelJobs() }, work));
  rmSync(output, { recursive: true });
  const done = [...results].sort(([a], [b]) => a.localeCompare(b));
  const failures = done
    .filter(([, { failed }]) => failed)
    .map(([name, { text }]) => `${name} does not compile:\n${text}`);
  return { log: done.map(([, { text }]) => text).join(''), failures };
}

function compile(source, storage, object) {
  const include = join(root, 'cpp/include');
  const defines = ['-DNDEBUG', `-DINCACHE_STORAGE=${storage}`];
  const options = ['-std=c++17', `-I${include}`, ...defines, '-O3', '-Xptxas', '-v', ...GENERATED];
  return new Promise((resolve) => {
    execFile(
      nvcc,
      [...options, '-fatbin', source, '-o', object],
      { maxBuffer: 2 ** 28 },
      (error, stdout, stderr) => resolve({ failed: error !== null, text: `${stdout}${stderr}` }),
    );
  });
}

// A function that is not a kernel but is called by one has properties too, but no registers of its own.
function parse(log) {
  const found = new Map();
  let target = '';
  let current;
  const select = (name) => {
    const key = `${target} ${name}`;
    current = found.get(key) ?? { name, target, registers: '', stack: 0, stores: 0, loads: 0, shared: 0 };
    found.set(key, current);
  };
  let kernel = '';
  for (const line of log.split('\n')) {
    const entry = line.match(/Compiling entry function '(\S+)' for '(\S+)'/);
    const properties = line.match(/Function properties for (\S+)/);
    const memory = line.match(/(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads/);
    const used = line.match(/Used (\d+) registers/);
    if (entry) {
      [, kernel, target] = entry;
      select(kernel);
    } else if (properties) {
      select(properties[1]);
    } else if (memory && current) {
      [current.stack, current.stores, current.loads] = memory.slice(1).map(Number);
    } else if (used) {
      select(kernel);
      current.registers = Number(used[1]);
      current.shared = Number(line.match(/(\d+) bytes smem/)?.[1] ?? 0);
    }
  }
  return demangled([...found.values()]);
}

// Template arguments and parameters that say nothing are left out; without c++filt names stay as they are.
function demangled(kernels) {
  const names = kernels.map(({ name }) => name).join('\n');
  const { error, stdout } = spawnSync('c++filt', { input: names, encoding: 'utf8', maxBuffer: 2 ** 28 });
  if (error) return kernels;
  const plain = stdout.split('\n').map((name) =>
    name
      .replace(/^void /, '')
      .replaceAll('(anonymous namespace)::', '')
      .replaceAll('incache::cuda::', '')
      .replace(/\([^()]*\)$/, ''),
  );
  return kernels.map((kernel, i) => ({ ...kernel, name: plain[i] }));
}

// A line a kernel: where targets differ, what each of them has.
function printTable(kernels) {
  const header = ['kernel', `registers ${TARGETS.join(' ')}`, 'static shared', 'stack', 'spilled'];
  const byTarget = (same, of) => {
    const values = TARGETS.map((target) => same.find((kernel) => kernel.target === target)).map((k) =>
      k ? of(k) : '-',
    );
    return new Set(values).size === 1 ? String(values[0]) : values.join(' ');
  };
  const rows = namesOf(kernels).map((name) => {
    const same = kernels.filter((kernel) => kernel.name === name);
    return [
      name,
      byTarget(same, (k) => k.registers),
      byTarget(same, (k) => k.shared),
      byTarget(same, (k) => k.stack),
      byTarget(same, spilledBy),
    ];
  });
  const widths = header.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i].length)));
  for (const row of [header, ...rows])
    console.log(row.map((cell, i) => (i < 1 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  '));
}

function namesOf(kernels) {
  return [...new Set(kernels.map(({ name }) => name))].sort();
}

function spilledBy({ stores, loads }) {
  return stores + loads;
}

function problemsOf(kernels) {
  if (kernels.length === 0) return ['no kernel was reported'];
  const missing = namesOf(kernels).flatMap((name) =>
    TARGETS.filter((target) => !kernels.some((k) => k.name === name && k.target === target)).map(
      (target) => `${name} was not compiled for ${target}`,
    ),
  );
  const spilled = kernels
    .filter((kernel) => spilledBy(kernel) > 0)
    .map((k) => `${k.name} for ${k.target} spills: ${k.stores} bytes stored, ${k.loads} loaded`);
  return [...missing, ...spilled];
}
