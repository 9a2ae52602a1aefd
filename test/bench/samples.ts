/** Results that nobody has measured. */
import type { BlockRow } from '../../bench/block/row.js';
import type { KernelRow } from '../../bench/kernels/row.js';
import type { ResultFile } from '../../bench/schema/read.js';
import { SCHEMA_VERSION } from '../../bench/schema/result.js';

export function kernelRow(changes: Partial<KernelRow> = {}): KernelRow {
  const median = 10;
  return {
    kernel: 'linear',
    shape: 'XL/2 fc1 256 x 1152 -> 4608',
    contender: 'simd f32, 1 thread',
    threads: 1,
    flops: 4e8,
    bytes: 2e7,
    times: { samples: 9, median, p10: 9, p90: 12, mean: 10.5, sem: 0.5, rme: 11 },
    loop: 'multiply-add loop, simd',
    loopGflops: 50,
    ofLoop: 0.8,
    copyGigabytes: 10,
    cacheGigabytes: 100,
    ofCopy: 0.2,
    ...changes,
  };
}

export function blockRow(changes: Partial<BlockRow> = {}): BlockRow {
  const { threads, flops, times, loop, loopGflops, ofLoop } = kernelRow();
  const measured = { threads, flops, times, loop, loopGflops, ofLoop };
  return { contender: 'incache native f32', error: 0, ...measured, ...changes };
}

export function resultFile(rows: readonly unknown[], changes: Partial<ResultFile> = {}): ResultFile {
  return {
    schema: SCHEMA_VERSION,
    what: 'kernels',
    date: '2026-01-02',
    commit: 'abc1234',
    machine: {
      name: 'chip-2',
      chip: 'Chip',
      cores: 2,
      memoryGiB: 8,
      clocks: [2900, 3100],
      instructionSets: ['avx2'],
    },
    versions: { node: '20.0.0', v8: '11', 'onnxruntime-web': '1.30.0' },
    rows,
    ...changes,
  };
}
