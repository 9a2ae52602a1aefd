/**
 * What the system lets this process have: processors and memory, with what its container takes away.
 * `cpp/core/processors.cpp` is the counterpart for programs that use the C library. Imports nothing of ours but types, so that
 * `scripts/parallel.mjs` can use it before anything is built.
 */
import { readFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { join, posix } from 'node:path';
import type { Processors } from '../types.js';

/** A folder of the cgroup file system that this process is in, directly or through one of its parents. */
interface Group {
  readonly version: 1 | 2;
  readonly folder: string;
}

/** The smaller of the processors that this process may run on and the quota of its control groups, rounded up. */
export function usableProcessors(root = '/', present = availableParallelism()): Processors {
  const quota = Math.min(...groupsOf('cpu', root).map(quotaOf));
  if (!(quota < present)) return { count: present, reason: undefined };
  const count = Math.max(1, Math.ceil(quota));
  const reason = `a quota of ${Number(quota.toFixed(2))} of ${present} processors`;
  return { count, reason };
}

/** The most memory in bytes that this process can have: that of the machine, of its control groups, its address space. */
export function usableMemory(root = '/'): number {
  const groups = groupsOf('memory', root).map(({ version, folder }) =>
    numberIn(join(folder, version === 2 ? 'memory.max' : 'memory.limit_in_bytes')),
  );
  return Math.min(totalmem(), addressSpace(root), ...groups);
}

/** Bytes of address space that this process may use (`ulimit -v`); Infinity where that is not limited. */
export function addressSpace(root = '/'): number {
  const [, bytes] = /^Max address space +(\d+)/m.exec(textOf(join(root, 'proc/self/limits'))) ?? [];
  return bytes === undefined ? Number.POSITIVE_INFINITY : Number(bytes);
}

/** Bytes of memory of the machine. */
export function totalMemory(): number {
  return totalmem();
}

/** What a process without address space for the least of WebAssembly memories is told. */
export function whyNoAddressSpace(): string {
  const limit = addressSpace();
  const given = Number.isFinite(limit) ? ` of ${(limit / 2 ** 30).toFixed(1)} GiB` : '';
  return `the address space${given} is too small for a WebAssembly memory; raise it (ulimit -v) or start node with --disable-wasm-trap-handler, which reserves less`;
}

/** Processors that a group may use, Infinity without a quota. */
function quotaOf({ version, folder }: Group): number {
  const [quota, period] =
    version === 2
      ? textOf(join(folder, 'cpu.max')).split(' ').map(Number)
      : [numberIn(join(folder, 'cpu.cfs_quota_us')), numberIn(join(folder, 'cpu.cfs_period_us'))];
  const processors = quota! / period!;
  return processors > 0 ? processors : Number.POSITIVE_INFINITY;
}

/**
 * The groups whose limits of `controller` hold for this process: its own and those above, as far as they are mounted.
 * In a container the path of the group may begin above what is mounted there; what both have in common is left out.
 */
function groupsOf(controller: string, root: string): Group[] {
  const paths = new Map<string, string>();
  for (const line of textOf(join(root, 'proc/self/cgroup')).split('\n')) {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    for (const name of controllers?.split(',') ?? []) paths.set(name, path!);
  }
  return textOf(join(root, 'proc/self/mountinfo'))
    .split('\n')
    .flatMap((line) => {
      const [, mountRoot, place, kind, options] =
        /^\S+ \S+ \S+ (\S+) (\S+) .* - (\S+) \S+ (\S+)/.exec(line) ?? [];
      const version = kind === 'cgroup2' ? 2 : 1;
      if (version === 1 && (kind !== 'cgroup' || !options!.split(',').includes(controller))) return [];
      const path = paths.get(version === 2 ? '' : controller) ?? '/';
      return foldersOf(path, mountRoot!).map(
        (folder) => ({ version, folder: join(root, place!, folder) }) as const,
      );
    });
}

/** A group's folder below the mount, and those of its parents. */
function foldersOf(path: string, mountRoot: string): string[] {
  const below = posix.relative(mountRoot, path);
  const parts = below.startsWith('..') ? [] : below.split('/').filter((part) => part !== '');
  return Array.from({ length: parts.length + 1 }, (_, i) => parts.slice(0, i).join('/'));
}

function numberIn(file: string): number {
  const text = textOf(file).trim();
  return /^-?\d+$/.test(text) ? Number(text) : Number.POSITIVE_INFINITY;
}

/** What a file says, nothing where it cannot be read: on another system, or in a closed container. */
function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
