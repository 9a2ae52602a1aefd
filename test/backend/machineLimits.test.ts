/** What containers take away, read from files as systems of both versions of control groups have them. */
import assert from 'node:assert/strict';
import { totalmem } from 'node:os';
import { test } from 'node:test';
import { usableMemory, usableProcessors } from '../../src/platform/node/machineLimits.js';
import { temporaryFolder } from '../support/folder.js';
import { systemFiles, version1, version2 } from '../support/systemFiles.js';

const folder = temporaryFolder();
let systems = 0;
const system = (files: Readonly<Record<string, string>>) => systemFiles(`${folder}/${systems++}`, files);
const MIB = 2 ** 20;

test('cpu-quota: version 2, the least of the group and of those above, rounded up', () => {
  const quota = (leaf: string, parent: string) =>
    usableProcessors(system(version2('/a/b', { 'a/b/cpu.max': leaf, 'a/cpu.max': parent })), 8);
  assert.deepEqual(quota('max 100000\n', 'max 100000\n'), { count: 8, reason: undefined });
  assert.deepEqual(quota('100000 100000\n', 'max 100000\n'), {
    count: 1,
    reason: 'a quota of 1 of 8 processors',
  });
  assert.deepEqual(quota('150000 100000\n', '300000 100000\n'), {
    count: 2,
    reason: 'a quota of 1.5 of 8 processors',
  });
  assert.equal(quota('max 100000\n', '50000 25000\n').count, 2);
  assert.equal(quota('1000 100000\n', 'max 100000\n').count, 1);
  assert.deepEqual(quota('900000 100000\n', 'max 100000\n'), { count: 8, reason: undefined });
});

test('cpu-quota: version 1', () => {
  const quota = (microseconds: string, period = '100000\n') =>
    usableProcessors(
      system(
        version1('/docker/9f', {
          'cpu,cpuacct/docker/9f/cpu.cfs_quota_us': microseconds,
          'cpu,cpuacct/docker/9f/cpu.cfs_period_us': period,
          'cpu,cpuacct/cpu.cfs_quota_us': '-1\n',
          'cpu,cpuacct/cpu.cfs_period_us': '100000\n',
        }),
      ),
      64,
    ).count;
  assert.equal(quota('-1\n'), 64);
  assert.equal(quota('100000\n'), 1);
  assert.equal(quota('250000\n'), 3);
  assert.equal(quota('100000\n', '50000\n'), 2);
  assert.equal(quota('0\n'), 64);
});

test('a container that sees its own group as the root of the mount', () => {
  const files = version2('/docker/9f', { 'cpu.max': '200000 100000\n' });
  const mountinfo = '30 25 0:26 /docker/9f /sys/fs/cgroup ro - cgroup2 cgroup rw\n';
  assert.equal(usableProcessors(system({ ...files, 'proc/self/mountinfo': mountinfo }), 8).count, 2);
  const outside = '30 25 0:26 /other /sys/fs/cgroup ro - cgroup2 cgroup rw\n';
  assert.equal(usableProcessors(system({ ...files, 'proc/self/mountinfo': outside }), 8).count, 2);
});

test('systems without these files, and with files of another kind', () => {
  for (const files of [
    {},
    version2('/', {}),
    version2('/', { 'cpu.max': '' }),
    version2('/', { 'cpu.max': 'what is this' }),
    version2('/', { 'cpu.max': '5 0' }),
    { ...version2('/', { 'cpu.max': '1 2' }), 'proc/self/mountinfo': 'broken' },
  ])
    assert.deepEqual(usableProcessors(system(files), 3), { count: 3, reason: undefined });
});

test('memory: the least of the machine, the groups and the address space', () => {
  const limits = (space: string) => ({
    'proc/self/limits': `Limit          Soft Limit   Hard Limit   Units\nMax address space         ${space}   unlimited   bytes\n`,
  });
  assert.equal(usableMemory(system({})), totalmem());
  const two = version2('/a', { 'memory.max': 'max\n', 'a/memory.max': `${64 * MIB}\n` });
  assert.equal(usableMemory(system(two)), 64 * MIB);
  assert.equal(usableMemory(system({ ...two, ...limits(String(48 * MIB)) })), 48 * MIB);
  assert.equal(usableMemory(system({ ...two, ...limits('unlimited') })), 64 * MIB);
  const one = (bytes: string) => version1('/a', { 'memory/a/memory.limit_in_bytes': bytes });
  assert.equal(usableMemory(system(one(`${32 * MIB}\n`))), 32 * MIB);
  assert.equal(usableMemory(system(one('9223372036854771712\n'))), totalmem());
});
