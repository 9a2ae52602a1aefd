import { readFileSync } from 'node:fs';

/**
 * The most memory that was resident of this process, in bytes. Linux hands `maxRSS` on from the process that started this one, which may
 * have been the larger; its own is in /proc.
 */
export function peakMemory(): number {
  if (process.platform !== 'linux') return process.resourceUsage().maxRSS * 1024;
  const [, kilobytes] = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))!;
  return Number(kilobytes) * 1024;
}

/** For programs that are given as text: a statement that imports `peakMemory`. */
export const IMPORT_PEAK_MEMORY = `import { peakMemory } from ${JSON.stringify(import.meta.url)};`;
