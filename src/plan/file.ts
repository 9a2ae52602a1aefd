/** The file form of a plan: JSON with a version, which loads back to the identical plan or is refused. */
import { FormatError, type IncacheError, PlanError } from '../errors.js';
import {
  FLOAT_TYPES,
  type Op,
  type Plan,
  type PlanBuffer,
  type PlanStep,
  ROW_SCALED_TYPES,
  type View,
} from './types.js';
import { validatePlan } from './validate.js';

const FORMAT = 'incache-plan';
const VERSION = 1;

export function serializePlan(plan: Plan): string {
  return `${JSON.stringify({ format: FORMAT, version: VERSION, ...plan })}\n`;
}

/** Reads what `serializePlan` wrote. Throws a `FormatError` for anything else, whoever made it. */
export function parsePlan(text: string): Plan {
  const file = record(parseJson(text), 'the file');
  if (file.format !== FORMAT) throw new FormatError(`not a plan: format is ${JSON.stringify(file.format)}`);
  if (file.version !== VERSION)
    throw new FormatError(
      `plan of version ${JSON.stringify(file.version)}; this incache reads version ${VERSION}`,
    );
  const plan: Plan = {
    name: string(file.name, 'name'),
    buffers: list(file.buffers, 'buffers').map(parseBuffer),
    ops: list(file.ops, 'ops').map(parseStep),
  };
  try {
    validatePlan(plan);
  } catch (error) {
    if (error instanceof PlanError)
      throw new FormatError(`not a valid plan: ${error.message}`, { cause: error });
    throw error;
  }
  return plan;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new FormatError(`not a plan: ${(error as Error).message}`, { cause: error });
  }
}

const ROLES = ['weight', 'input', 'output', 'state', 'temporary'] as const;
const TYPES = [...FLOAT_TYPES, ...ROW_SCALED_TYPES, 'i32'] as const;

function parseBuffer(value: unknown, id: number): PlanBuffer {
  const what = `buffers[${id}]`;
  const { name, role, type, rows, columns } = record(value, what);
  return {
    name: string(name, `${what}.name`),
    role: oneOf(role, ROLES, `${what}.role`),
    type: oneOf(type, TYPES, `${what}.type`),
    rows: number(rows, `${what}.rows`),
    columns: number(columns, `${what}.columns`),
  };
}

function parseStep(value: unknown, place: number): PlanStep {
  const what = `ops[${place}]`;
  const { layer, op } = record(value, what);
  return { layer: string(layer, `${what}.layer`), op: parseOp(record(op, `${what}.op`), what) };
}

/** The kinds of the fields of an operation; a `?` marks one that may be missing. */
const EPILOGUE_FIELDS = { epilogue: 'string', gate: 'view?', residual: 'view?' };
const PATCH_FIELDS = { channels: 'number', height: 'number', width: 'number', patch: 'number' };
const OP_FIELDS: Record<Op['op'], Record<string, string>> = {
  linear: { x: 'view', weight: 'view', bias: 'view?', store: 'view?', ...EPILOGUE_FIELDS },
  calibratedLinear: {
    x: 'view',
    cachedInput: 'view?',
    cachedHidden: 'view?',
    cachedOutput: 'view',
    factors: 'factors',
    ...EPILOGUE_FIELDS,
  },
  calibratedMlp: {
    x: 'view',
    cachedInput: 'view?',
    cachedHidden: 'view?',
    cachedPreActivation: 'view',
    cachedOutput: 'view',
    factors: 'factors',
    ...EPILOGUE_FIELDS,
  },
  attention: {
    q: 'view',
    k: 'view',
    v: 'view',
    heads: 'number',
    queryLength: 'number',
    keyLength: 'number',
    scale: 'number',
    keyLengths: 'view?',
  },
  layerNormModulate: { x: 'view', shift: 'view', scale: 'view', epsilon: 'number' },
  patchify: { x: 'view', ...PATCH_FIELDS },
  unpatchify: { x: 'view', ...PATCH_FIELDS },
  timestepEmbedding: { x: 'view', maxPeriod: 'number' },
  gatherRows: { table: 'view', index: 'view' },
  add: { x: 'view', y: 'view' },
  silu: { x: 'view' },
  gelu: { x: 'view' },
  gateResidual: { x: 'view', gate: 'view', residual: 'view' },
  channelStatistics: { x: 'view', previous: 'view?' },
  secondMoment: { x: 'view', previous: 'view?' },
  linearCombination: { terms: 'terms' },
  relativeDistance: { x: 'view', previous: 'view', norm: 'number' },
};

/** The names of all operations. */
export const OP_NAMES = Object.keys(OP_FIELDS) as Op['op'][];

function parseOp(value: Record<string, unknown>, where: string): Op {
  const fields: Record<string, string> = {
    ...OP_FIELDS[oneOf(value.op, OP_NAMES, `${where}.op`)],
    out: 'view',
  };
  for (const field of Object.keys(value))
    if (field !== 'op' && !Object.hasOwn(fields, field))
      throw new FormatError(`${where}: unknown field '${field}'`);
  const op: Record<string, unknown> = { op: value.op };
  // In the order of the file, so that a plan and its copy print and serialise alike.
  for (const [field, given] of Object.entries(value))
    if (field !== 'op') op[field] = parseField(given, fields[field]!.replace('?', ''), `${where}.${field}`);
  for (const [field, kind] of Object.entries(fields))
    if (!kind.endsWith('?') && !Object.hasOwn(op, field))
      throw new FormatError(`${where}: '${field}' is missing`);
  return op as unknown as Op;
}

function parseField(value: unknown, kind: string, what: string): unknown {
  switch (kind) {
    case 'number':
      return number(value, what);
    case 'string':
      return string(value, what);
    case 'factors':
      return list(value, what).map((pair, i) => {
        const { down, up } = record(pair, `${what}[${i}]`);
        return { down: parseView(down, `${what}[${i}].down`), up: parseView(up, `${what}[${i}].up`) };
      });
    case 'terms':
      return list(value, what).map((term, i) => {
        const { x, coefficient } = record(term, `${what}[${i}]`);
        return {
          x: parseView(x, `${what}[${i}].x`),
          coefficient: number(coefficient, `${what}[${i}].coefficient`),
        };
      });
    default:
      return parseView(value, what);
  }
}

function parseView(value: unknown, what: string): View {
  const view = record(value, what);
  const field = (name: string) => number(view[name], `${what}.${name}`);
  return {
    buffer: field('buffer'),
    row: field('row'),
    rows: field('rows'),
    column: field('column'),
    columns: field('columns'),
  };
}

function record(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw mismatch(what, 'an object');
  return value as Record<string, unknown>;
}

function list(value: unknown, what: string): unknown[] {
  if (!Array.isArray(value)) throw mismatch(what, 'a list');
  return value;
}

function string(value: unknown, what: string): string {
  if (typeof value !== 'string') throw mismatch(what, 'a string');
  return value;
}

function number(value: unknown, what: string): number {
  if (typeof value !== 'number') throw mismatch(what, 'a number');
  return value;
}

function oneOf<T extends string>(value: unknown, choices: readonly T[], what: string): T {
  if (!choices.includes(value as T)) throw mismatch(what, `one of ${choices.join(', ')}`);
  return value as T;
}

function mismatch(what: string, expected: string): IncacheError {
  return new FormatError(`not a plan: ${what} is not ${expected}`);
}
