/** What nvcc says of the kernels. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { HalfType } from '../conformance/half.js';
import { isPresent, ROOT, run } from '../native/tools.js';

const { isReported } = await import(new URL('../../../scripts/cuda-sources.mjs', import.meta.url).href);

/** Compiling takes minutes, and gives for the same sources what it has given before. */
function reasonToSkip(): string | false {
  if (isReported(ROOT)) return 'npm run cuda:report has found no fault in these sources';
  return !isPresent('nvcc') && 'nvcc is not installed';
}

describe('CUDA kernels by nvcc', { skip: reasonToSkip() }, () => {
  // In f16 those with all of the instructions that name a type. The others in f16 take minutes more: npm run cuda:report.
  const units: Readonly<Record<HalfType, readonly string[]>> = {
    bf16: [],
    f16: ['linear.cu', 'linearHopper.cu', 'small.cu'],
  };
  for (const type of ['bf16', 'f16'] as const)
    test(`${units[type].join(', ') || 'all'} in ${type}, for every target, without spills or serialised products`, (t) => {
      const args = [join(ROOT, 'scripts/cuda-report.mjs'), '--type', type, ...units[type]];
      const report = run(process.execPath, args);
      for (const kernel of ['multiplyTile', 'linearHopper', 'elementwiseKernel'])
        assert.match(report, new RegExp(`^${type}::${kernel}`, 'm'));
      t.diagnostic(`registers and memory of each kernel:\n${report}`);
    });
});
