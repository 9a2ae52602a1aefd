/** The file form of a plan: JSON with a version, which loads back to the identical plan or is refused. */
import { FormatError, type IncacheError, PlanError } from '../errors.js';
import { type Field, isOptional } from './fields.js';
import { OP_NAMES, type Op, type OpName, schemaOf } from './schema.js';
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
const BUFFER_FIELDS = ['name', 'role', 'type', 'rows', 'columns'];
const STEP_FIELDS = ['layer', 'op'];
const VIEW_FIELDS = ['buffer', 'row', 'rows', 'column', 'columns', 'batches', 'batchStride'];

function parseBuffer(value: unknown, id: number): PlanBuffer {
  const what = `buffers[${id}]`;
  const { name, role, type, rows, columns } = only(record(value, what), BUFFER_FIELDS, what, 'a buffer');
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
  const { layer, op } = only(record(value, what), STEP_FIELDS, what, 'an operation');
  return { layer: string(layer, `${what}.layer`), op: parseOp(record(op, `${what}.op`), what) };
}

function parseOp(value: Record<string, unknown>, where: string): Op {
  const name = oneOf(value.op, OP_NAMES, `${where}.op`);
  const { fields } = schemaOf(name);
  only(value, ['op', ...Object.keys(fields)], where, name);
  const op: Record<string, unknown> = { op: name };
  // In the order of the file, so that a plan and its copy print and serialise alike.
  for (const [field, given] of Object.entries(value))
    if (field !== 'op') op[field] = parseField(given, fields[field]!, `${where}.${field}`, name);
  for (const [field, kind] of Object.entries(fields))
    if (!isOptional(kind) && !Object.hasOwn(op, field))
      throw new FormatError(`not a plan: ${where}.${field} is missing`);
  return op as unknown as Op;
}

function parseField(value: unknown, field: Field, what: string, op: OpName): unknown {
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
        const where = `${what}[${i}]`;
        const kinds = field.items[i] ?? field.items.at(-1)!;
        const item = only(record(given, where), Object.keys(kinds), where, op);
        return Object.fromEntries(
          Object.entries(kinds).map(([name, kind]) => [
            name,
            parseField(item[name], kind, `${where}.${name}`, op),
          ]),
        );
      });
  }
}

function parseView(value: unknown, what: string): View {
  const view = only(record(value, what), VIEW_FIELDS, what, 'a view');
  const field = (name: string) => number(view[name], `${what}.${name}`);
  return {
    buffer: field('buffer'),
    row: field('row'),
    rows: field('rows'),
    column: field('column'),
    columns: field('columns'),
    ...(view.batches !== undefined && { batches: field('batches') }),
    ...(view.batchStride !== undefined && { batchStride: field('batchStride') }),
  };
}

function record(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw mismatch(what, 'an object');
  return value as Record<string, unknown>;
}

/** Refuses an object with other fields than those known, in the words of `incache_plan_parse`. */
function only(
  object: Record<string, unknown>,
  known: readonly string[],
  what: string,
  owner: string,
): Record<string, unknown> {
  const other = Object.keys(object).find((name) => !known.includes(name));
  if (other !== undefined)
    throw new FormatError(`not a plan: ${what}.${other} is a field that ${owner} does not have`);
  return object;
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
