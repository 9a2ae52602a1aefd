/**
 * What machine code the CUDA kernels are: how many instructions each has, and each of its innermost loops that multiplies on tensor
 * cores, copies or computes for at least 32 instructions. Beside each count: products on tensor cores, special functions (MUFU),
 * shared memory, global memory, local memory (spills).
 *
 *   node scripts/cuda-sass.mjs linearHopper.cu                 bfloat16, for sm_90a
 *   node scripts/cuda-sass.mjs convolution.cu --target sm_80 --type f16
 *   node scripts/cuda-sass.mjs attentionHopper.cu --kernel attend      kernels whose mangled name has this in it
 *
 * Needs nvcc and nvdisasm of at least its release; the environment variables NVCC and NVDISASM name others.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { answerHelp } from './usage.mjs';

answerHelp(import.meta.url);

const KINDS = {
  tensor: /^(HGMMA|HMMA|IMMA|QGMMA)/,
  special: /^MUFU/,
  shared: /^(LDS|STS|LDSM|STSM|LDGSTS)/,
  global: /^(LDG|STG|LDGSTS|UTMALDG|UTMASTG|LD\b|ST\b)/,
  local: /^(LDL|STL)/,
};
const LEAST_LOOP = 32;

const { values, positionals } = parseArgs({
  options: {
    target: { type: 'string', default: 'sm_90a' },
    type: { type: 'string', default: 'bf16' },
    kernel: { type: 'string', default: '' },
  },
  allowPositionals: true,
});
const root = fileURLToPath(new URL('..', import.meta.url));
const row = (cells) =>
  console.log(
    cells.map((cell, i) => (i === 0 ? String(cell).padEnd(70) : String(cell).padStart(8))).join(' '),
  );
row([`${values.type}, ${values.target}`, 'all', ...Object.keys(KINDS)]);
for (const unit of positionals)
  for (const { name, instructions } of kernelsOf(disassemble(unit))) {
    if (!name.includes(values.kernel)) continue;
    row([demangled(name), ...countsOf(instructions)]);
    for (const loop of innermostLoops(instructions)) row([`  loop at ${loop[0].address}`, ...countsOf(loop)]);
  }

function disassemble(unit) {
  const folder = mkdtempSync(join(tmpdir(), 'incache-sass-'));
  const cubin = join(folder, 'unit.cubin');
  const options = [
    '-std=c++17',
    '-O3',
    '-DNDEBUG',
    `-DINCACHE_STORAGE=${values.type}`,
    `-I${join(root, 'cpp/include')}`,
  ];
  try {
    execFileSync(process.env.NVCC || 'nvcc', [
      ...options,
      `-arch=${values.target}`,
      '-cubin',
      join(root, 'cuda', unit),
      '-o',
      cubin,
    ]);
    return execFileSync(process.env.NVDISASM || 'nvdisasm', ['-c', cubin], {
      encoding: 'utf8',
      maxBuffer: 2 ** 29,
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Each kernel with its instructions: address, mnemonic, and where it branches to. */
function kernelsOf(text) {
  const kernels = [];
  let labels = new Map();
  for (const line of text.split('\n')) {
    const section = line.match(/^\.text\.(\S+):/);
    const label = line.match(/^(\.L_x_\d+):/);
    const instruction = line.match(/^\s+\/\*([0-9a-f]{4,})\*\/\s+(?:@!?U?P\w+\s+)?([A-Z]\S*)(.*)/);
    if (section) {
      labels = new Map();
      kernels.push({ name: section[1], instructions: [], labels });
    } else if (label) {
      labels.set(label[1], kernels.at(-1).instructions.length);
    } else if (instruction && kernels.length > 0) {
      const [, address, mnemonic, operands] = instruction;
      const target = mnemonic.startsWith('BRA') ? operands.match(/\.L_x_\d+/)?.[0] : undefined;
      if (mnemonic !== 'NOP') kernels.at(-1).instructions.push({ address, mnemonic, target });
    }
  }
  for (const { instructions, labels: own } of kernels)
    for (const instruction of instructions) instruction.place = own.get(instruction.target);
  return kernels;
}

/** From where a branch goes back to, to the branch; loops with another one inside, and those that only wait, are left out. */
function innermostLoops(instructions) {
  const loops = instructions
    .map(({ place }, end) => ({ first: place, end }))
    .filter(({ first, end }) => first !== undefined && first < end);
  return loops
    .filter(
      ({ first, end }) =>
        !loops.some(
          (other) => other.first >= first && other.end < end && other.end - other.first >= LEAST_LOOP,
        ),
    )
    .map(({ first, end }) => instructions.slice(first, end + 1))
    .filter((loop) => loop.length >= LEAST_LOOP);
}

function countsOf(instructions) {
  const count = (kind) => instructions.filter(({ mnemonic }) => kind.test(mnemonic)).length;
  return [instructions.length, ...Object.values(KINDS).map(count)];
}

function demangled(name) {
  const plain = execFileSync('c++filt', [name], { encoding: 'utf8' }).trim();
  return plain
    .replace(/^void /, '')
    .replaceAll('(anonymous namespace)::', '')
    .replaceAll('incache::cuda::', '')
    .replace(/\([^()]*\)$/, '');
}
