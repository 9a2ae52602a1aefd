/** The file form of a plan: JSON with a version, which loads back to the identical plan or is refused. */
import { FormatError, type IncacheError, PlanError } from '../errors.js';
import { type Field, isOptional } from './fields.js';
import { OP_NAMES, type Op, schemaOf } from './schema.js';
import {
  FLOAT_TYPES,
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

function parseOp(value: Record<string, unknown>, where: string): Op {
  const name = oneOf(value.op, OP_NAMES, `${where}.op`);
  const { fields } = schemaOf(name);
  for (const field of Object.keys(value))
    if (field !== 'op' && !Object.hasOwn(fields, field))
      throw new FormatError(`${where}: unknown field '${field}'`);
  const op: Record<string, unknown> = { op: name };
  // In the order of the file, so that a plan and its copy print and serialise alike.
  for (const [field, given] of Object.entries(value))
    if (field !== 'op') op[field] = parseField(given, fields[field]!, `${where}.${field}`);
  for (const [field, kind] of Object.entries(fields))
    if (!isOptional(kind) && !Object.hasOwn(op, field))
      throw new FormatError(`${where}: '${field}' is missing`);
  return op as unknown as Op;
}

function parseField(value: unknown, field: Field, what: string): unknown {
  switch (field.kind) {
    case 'read':
    case 'write':
      return parseView(value, what);
    case 'integer':
    case 'number':
      return number(value, what);
    case 'choice':
      return typeof field.choices[0] === 'string' ? string(value, what) : number(value, what);
    case 'list':
      return list(value, what).map((given, i) => {
        const item = record(given, `${what}[${i}]`);
        const fields = Object.entries(field.items[i] ?? field.items.at(-1)!);
        return Object.fromEntries(
          fields.map(([name, kind]) => [name, parseField(item[name], kind, `${what}[${i}].${name}`)]),
        );
      });
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
