/** Result files of this version and of the one before, as this version's. */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { FormatError } from '../../src/errors.js';
import type { BlockRow } from '../block/row.js';
import type { KernelRow } from '../kernels/row.js';
import type { Machine } from '../machine.js';
import type { Statistics } from '../statistics.js';
import { resultSchema, SCHEMA_VERSION } from './result.js';
import { violations } from './validate.js';

export interface ResultFile {
  readonly schema: typeof SCHEMA_VERSION;
  readonly what: string;
  readonly date: string;
  readonly commit?: string;
  readonly machine: Machine;
  readonly versions: Readonly<Record<string, string>>;
  readonly text?: string;
  /** Of a block: the model that it is of. */
  readonly model?: string;
  readonly rows?: readonly unknown[];
}

/** Throws a `FormatError` that names the file and what is wrong with it. */
export function readResult(path: string): ResultFile {
  const name = basename(path);
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new FormatError(`${path}: ${(error as Error).message}`);
  }
  return parseResult(value, name);
}

/** Of a file of version 1, `name` says what it is of. */
export function parseResult(value: unknown, name: string): ResultFile {
  const isOld = typeof value === 'object' && value !== null && !('schema' in value) && 'node' in value;
  const current = isOld ? fromVersion1(value as Version1, name) : value;
  const { what } = (current ?? {}) as { what?: unknown };
  const [first] = violations(current, resultSchema(typeof what === 'string' ? what : ''));
  if (first !== undefined) throw new FormatError(`${name}: ${first}`);
  return current as ResultFile;
}

/** The model whose block it timed, without saying so in a field. */
const MODEL1 = 'DiT-XL/2';

interface Version1 {
  readonly machine: string;
  readonly date: string;
  readonly node: string;
  readonly v8: string;
  readonly rows?: readonly Row1[];
  /** Of the start of a process, and of its memory. */
  readonly milliseconds?: number;
  readonly fileBytes?: number;
  readonly peakBytes?: number;
}

interface Row1 {
  readonly contender: string;
  readonly threads?: number;
  readonly milliseconds: number;
  readonly gflops: number;
  readonly ofLoop?: number;
  readonly overOnnx?: number;
  readonly kernel?: string;
  readonly shape?: string;
}

/** It kept medians alone, no bytes, and of kernels the share of one thread's loop whatever the threads. */
function fromVersion1(file: Version1, name: string): object {
  const { machine, date, node, v8, ...figures } = file;
  const what = name.split('-')[0]!;
  const rows = rowsOf(what, file);
  const cores = Number(/-(\d+)$/.exec(machine)?.[1] ?? 0);
  return {
    ...figures,
    ...(rows && { rows }),
    ...(what === 'block' && { model: MODEL1 }),
    schema: SCHEMA_VERSION,
    what,
    date,
    machine: { name: machine, chip: machine, cores, clocks: [0, 0], instructionSets: [] },
    versions: { node, v8 },
  };
}

function rowsOf(what: string, { rows, milliseconds, fileBytes, peakBytes }: Version1): unknown[] | undefined {
  if (what === 'kernels') return rows?.map(kernelRow);
  if (what === 'block') return rows?.map(blockRow);
  if (what === 'startUp') return [{ contender: 'incache', times: medianOnly(milliseconds!) }];
  if (what === 'residentMemory') return [{ contender: 'incache', fileBytes, peakBytes }];
  return rows && [...rows];
}

function kernelRow({ milliseconds, gflops, overOnnx, ...row }: Row1): KernelRow {
  const threads = Number(/(\d+) threads?$/.exec(row.contender)?.[1] ?? 1);
  return {
    ...row,
    kernel: row.kernel!,
    shape: row.shape!,
    threads,
    flops: Math.round(gflops * milliseconds * 1e6),
    bytes: 0,
    times: medianOnly(milliseconds),
    ...(row.ofLoop !== undefined && { ofLoop: row.ofLoop / threads }),
    ...(overOnnx !== undefined && { overRival: overOnnx, rival: 'onnxruntime-web, 1 thread' }),
  };
}

function blockRow({ milliseconds, gflops, ...row }: Row1): Partial<BlockRow> {
  return { ...row, flops: Math.round(gflops * milliseconds * 1e6), times: medianOnly(milliseconds) };
}

function medianOnly(milliseconds: number): Statistics {
  const [median, p10, p90, mean] = Array(4).fill(milliseconds) as [number, number, number, number];
  return { samples: 0, median, p10, p90, mean, sem: 0, rme: 0 };
}
