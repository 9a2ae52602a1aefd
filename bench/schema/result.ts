/** The form of a result file, as JSON Schema. Raise the version when a field changes its meaning, and teach `read.ts` the old one. */
import type { JsonSchema } from './validate.js';

export const SCHEMA_VERSION = 2;

const text = { type: 'string' } as const;
const number = { type: 'number' } as const;
const positive = { type: 'number', minimum: 0 } as const;
const count = { type: 'integer', minimum: 0 } as const;

const statistics: JsonSchema = {
  type: 'object',
  properties: {
    samples: count,
    median: positive,
    p10: positive,
    p90: positive,
    mean: positive,
    sem: positive,
    rme: positive,
  },
  required: ['samples', 'median', 'p10', 'p90', 'mean', 'sem', 'rme'],
  additionalProperties: false,
};

const machine: JsonSchema = {
  type: 'object',
  properties: {
    name: text,
    chip: text,
    cores: count,
    memoryGiB: count,
    clocks: { type: 'array', items: number, minItems: 2 },
    instructionSets: { type: 'array', items: text },
  },
  required: ['name', 'chip', 'cores', 'clocks', 'instructionSets'],
  additionalProperties: false,
};

/** What every file has; the figures are beside it. */
const header: JsonSchema = {
  type: 'object',
  properties: {
    schema: { type: 'integer', const: SCHEMA_VERSION },
    what: text,
    date: { type: 'string', pattern: '^\\d{4}-\\d\\d-\\d\\d$' },
    commit: { type: 'string', pattern: '^[0-9a-f]+\\+?$' },
    machine,
    versions: { type: 'object', additionalProperties: text },
    text,
  },
  required: ['schema', 'what', 'date', 'machine', 'versions'],
};

const kernelRow: JsonSchema = {
  type: 'object',
  properties: {
    kernel: text,
    shape: text,
    contender: text,
    threads: count,
    flops: positive,
    bytes: positive,
    times: statistics,
    loop: text,
    loopGflops: positive,
    ofLoop: positive,
    copyGigabytes: positive,
    cacheGigabytes: positive,
    ofCopy: positive,
    rival: text,
    overRival: positive,
    verdict: text,
    overOneThread: positive,
    timeShare: positive,
    macShare: positive,
  },
  required: ['kernel', 'shape', 'contender', 'threads', 'flops', 'bytes', 'times'],
  additionalProperties: false,
};

const blockRow: JsonSchema = {
  type: 'object',
  properties: {
    contender: text,
    threads: count,
    times: statistics,
    flops: positive,
    loop: text,
    loopGflops: positive,
    ofLoop: positive,
    overOnnx: positive,
    verdict: text,
    overWeb: positive,
    overTfjs: positive,
    overTorch: positive,
    timeShare: positive,
    macShare: positive,
    error: positive,
  },
  required: ['contender', 'threads', 'times', 'flops', 'error'],
  additionalProperties: false,
};

const runRow: JsonSchema = {
  type: 'object',
  properties: {
    contender: text,
    threads: count,
    isPeer: { type: 'boolean' },
    turnSteps: count,
    times: statistics,
    uninterrupted: positive,
    flops: positive,
    loop: text,
    loopGflops: positive,
    ofLoop: positive,
    overOnnx: positive,
    fastestPeer: text,
    overFastest: positive,
    verdict: text,
    timeShare: positive,
    macShare: positive,
    error: positive,
  },
  required: ['contender', 'threads', 'isPeer', 'turnSteps', 'times', 'flops', 'error'],
  additionalProperties: false,
};

const startUpRow: JsonSchema = {
  type: 'object',
  properties: { contender: text, times: statistics },
  required: ['contender', 'times'],
  additionalProperties: false,
};

const memoryRow: JsonSchema = {
  type: 'object',
  properties: { contender: text, fileBytes: count, peakBytes: count },
  required: ['contender', 'fileBytes', 'peakBytes'],
  additionalProperties: false,
};

const openRow: JsonSchema = {
  type: 'object',
  properties: { contender: text, fileBytes: count, openMilliseconds: positive, peakBytes: count },
  required: ['contender', 'fileBytes', 'openMilliseconds', 'peakBytes'],
  additionalProperties: false,
};

const cudaRow: JsonSchema = {
  type: 'object',
  properties: {
    level: text,
    name: text,
    shape: text,
    sequences: count,
    tokens: count,
    rank: count,
    contender: text,
    milliseconds: positive,
    rounds: { type: 'array', items: positive, minItems: 1 },
    floorMilliseconds: positive,
    flops: positive,
    bytes: positive,
  },
  required: ['level', 'name', 'shape', 'sequences', 'tokens', 'rank', 'contender', 'milliseconds', 'rounds'],
  additionalProperties: false,
};

const sweep: JsonSchema = {
  type: 'object',
  properties: {
    sweep: text,
    contender: text,
    points: {
      type: 'array',
      minItems: 2,
      items: {
        type: 'object',
        properties: { x: positive, macs: positive, times: statistics },
        required: ['x', 'macs', 'times'],
        additionalProperties: false,
      },
    },
    exponent: number,
    expected: number,
    r2: number,
  },
  required: ['sweep', 'contender', 'points', 'exponent', 'expected', 'r2'],
  additionalProperties: false,
};

const rowsOf: Readonly<Record<string, JsonSchema>> = {
  kernels: kernelRow,
  block: blockRow,
  cuda: cudaRow,
  ddim50: runRow,
  scaling: sweep,
  startUp: startUpRow,
  residentMemory: memoryRow,
  openCheckpoint: openRow,
};

/** Of a file of what is measured; of other kinds than these only the header has a form. */
export function resultSchema(what: string): JsonSchema {
  const items = rowsOf[what];
  if (!items) return header;
  return {
    ...header,
    properties: { ...header.properties, rows: { type: 'array', items } },
    required: [...header.required!, 'rows'],
  };
}
