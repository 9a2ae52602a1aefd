/** The C library's default of threads comes from the same quota that TypeScript reads. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { usableProcessors } from '../../src/platform/node/machineLimits.js';
import { temporaryFolder } from '../support/folder.js';
import { systemFiles, version1, version2 } from '../support/systemFiles.js';
import { cannotBuild, ROOT, run } from './tools.js';

const cpu1 = (quota: string, period = '100000\n') => ({
  'cpu,cpuacct/a/b/cpu.cfs_quota_us': quota,
  'cpu,cpuacct/a/b/cpu.cfs_period_us': period,
});

const hidden = '30 25 0:26 /a /sys/fs/cgroup ro - cgroup2 cgroup rw\n';

/** What the quota is, in processors; 0 where there is none. */
const SYSTEMS: readonly [name: string, files: Record<string, string>, quota: number][] = [
  ['no files', {}, 0],
  ['version 2, none', version2('/a/b', { 'a/b/cpu.max': 'max 100000\n' }), 0],
  [
    'version 2, its own',
    version2('/a/b', { 'a/b/cpu.max': '150000 100000\n', 'a/cpu.max': '300000 100000\n' }),
    1.5,
  ],
  [
    'version 2, a parent',
    version2('/a/b', { 'a/b/cpu.max': 'max 100000\n', 'a/cpu.max': '25000 100000\n' }),
    0.25,
  ],
  [
    'version 2, mounted at its parent',
    { ...version2('/a/b', { 'b/cpu.max': '200000 100000' }), 'proc/self/mountinfo': hidden },
    2,
  ],
  ['version 1, none', version1('/a/b', cpu1('-1\n')), 0],
  ['version 1, its own', version1('/a/b', cpu1('250000\n')), 2.5],
  ['version 1, another period', version1('/a/b', cpu1('100000\n', '50000\n')), 2],
  ['a period of 0', version2('/', { 'cpu.max': '5 0' }), 0],
  ['nonsense', { ...version2('/', { 'cpu.max': 'what' }), 'proc/self/cgroup': 'is\n:this' }, 0],
];

describe('cpu-quota: the C library', { skip: cannotBuild() }, () => {
  const folder = temporaryFolder();
  const program = join(folder, 'processors');
  const sources = ['cpp/test/processors.cpp', 'cpp/cpu/processors.cpp'].map((file) => join(ROOT, file));

  test('compiles', () => {
    run(process.env.CXX ?? 'c++', ['-std=c++17', '-Wall', '-Wextra', '-Werror', ...sources, '-o', program]);
  });

  for (const [i, [name, files, quota]] of SYSTEMS.entries())
    test(name, () => {
      const root = systemFiles(join(folder, String(i)), files);
      assert.equal(run(program, [root]), quota === 0 ? 'inf' : String(quota));
      const processors = quota === 0 ? 64 : Math.ceil(quota);
      assert.equal(usableProcessors(root, 64).count, processors);
    });
});
