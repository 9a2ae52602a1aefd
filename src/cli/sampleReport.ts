/** What `incache sample` says of a run in two or three lines. */
import { formatBytes } from '../errors.js';
import type { SampleReport } from '../pipeline/result.js';
import { counted, gmac } from './table.js';

export interface SaidReport extends SampleReport {
  readonly out: string;
  readonly backend: string;
  readonly threads: number;
  readonly policy?: unknown;
  readonly period?: unknown;
  /** For an exported file: the name of what it does. */
  readonly exported?: unknown;
  readonly macRatio?: number;
  readonly decodeMilliseconds?: number;
}

export function sampleSummary(report: SaidReport): string {
  const { out, images, steps, macs, milliseconds, cachedBlocks, backend, threads, memory } = report;
  const { decodeMilliseconds } = report;
  const seconds = milliseconds / 1000;
  const name = out === '-' ? 'standard output' : out;
  return [
    `${name}: ${counted(images, 'image')}, ${counted(steps, 'step')}, ${gmac(macs)}, ${seconds.toFixed(2)} s (${(seconds / images).toFixed(3)} s per image)${decodeMilliseconds === undefined ? '' : `, decoded in ${(decodeMilliseconds / 1000).toFixed(2)} s`}\n`,
    decisions(cachedBlocks),
    `backend ${backend}, ${counted(threads, 'thread')}; ${policyText(report)}; cache ${formatBytes(memory.cache)}\n`,
  ].join('');
}

/** For a policy that decides while it runs: for each image its steps, `.` where some blocks were cached, `#` where none. */
function decisions(batches: readonly (readonly number[])[] | undefined): string {
  return (batches ?? [])
    .map((steps) => `${steps.map((blocks) => (blocks > 0 ? '.' : '#')).join('')}\n`)
    .join('');
}

function policyText({ policy, period, macRatio, exported }: SaidReport): string {
  if (exported !== undefined) return `as exported: ${exported}`;
  if (policy === 'none' || macRatio === undefined) return 'no cache policy';
  const name = `policy ${policy}${period === undefined ? '' : `, period ${period}`}`;
  return `${name}: ${macRatio.toFixed(2)} of the multiply-adds of a run without a cache`;
}
