/** Files of /proc and /sys/fs/cgroup as a system has them, in a folder that stands for its root. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Writes the files, by path below `root`, which it returns. */
export function systemFiles(root: string, files: Readonly<Record<string, string>>): string {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

const MOUNTED_2 = '30 25 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n';
const MOUNTED_1 = [
  '31 30 0:27 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct',
  '32 30 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory',
  '33 30 0:29 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n',
].join('\n');

/** A process in group `path` of version 2, with what the files of that group and of those above say. */
export function version2(path: string, files: Readonly<Record<string, string>>): Record<string, string> {
  return {
    ...below('sys/fs/cgroup', files),
    'proc/self/cgroup': `0::${path}\n`,
    'proc/self/mountinfo': MOUNTED_2,
  };
}

/** The same of version 1, whose groups of processors and of memory are trees of their own. */
export function version1(path: string, files: Readonly<Record<string, string>>): Record<string, string> {
  const groups = `5:cpuset:/\n4:memory:${path}\n3:cpu,cpuacct:${path}\n0::/\n`;
  return { ...below('sys/fs/cgroup', files), 'proc/self/cgroup': groups, 'proc/self/mountinfo': MOUNTED_1 };
}

function below(folder: string, files: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(files).map(([path, text]) => [join(folder, path), text]));
}
