/** What a model file is conditioned on besides the timestep, by name: labels, or the embeddings of a text. */
import { FormatError } from '../errors.js';
import type { Condition, Network } from '../models/network.js';
import type { Plan } from '../plan/types.js';
import type { ModelHeader } from './format.js';

/**
 * A program gives a group of `rows` x `columns` values for every image. Under guidance unconditional sequences share one more
 * group, that of an empty or a negative prompt: `unconditional`, or what the program gives after the groups of the images. Where
 * `unconditional` is absent the program must give it.
 */
export interface ModelInput {
  /** Also that of the plans' inputs which it fills. */
  readonly name: string;
  readonly type: 'i32' | 'f32';
  readonly rows: number;
  readonly columns: number;
  /** Range of the values of type `i32`, both included. */
  readonly least?: number;
  readonly most?: number;
  /**
   * A number: all values; `tensor`: those of the tensor `inputs.<name>.unconditional`; `conditional`: what the sequence of the
   * same image has.
   */
  readonly unconditional?: number | 'tensor' | 'conditional';
  /** The values of every group, which were decided at the export: a program need not give them. */
  readonly values?: readonly number[];
}

/** What guidance leads away from in a file of a model of texts. */
export interface UnconditionalText {
  /** captionTokens x width, padded with zeros. */
  readonly values: Float32Array;
  /** Tokens that count; `conditional`: as many as the text of the image has. */
  readonly length: number | 'conditional';
}

/** Names of the tensors of inputs begin with this. */
export const INPUT_PREFIX = 'inputs.';

export const unconditionalTensor = (name: string): string => `${INPUT_PREFIX}${name}.unconditional`;

const LABELS = 'labels';
const TEXT = 'text';
/** Name of the input that holds the numbers of tokens. */
export const LENGTHS = 'textLengths';
const SIZE = 'size';
const MOST_INPUTS = 16;
const MOST_SIDE = 2 ** 24;

/** The input of a model of classes: labels are from 0 to classes - 1, `classes` itself is the null class. */
export function labelsBelow(classes: number): ModelInput {
  return { name: LABELS, type: 'i32', rows: 1, columns: 1, least: 0, most: classes, unconditional: classes };
}

/**
 * The inputs of a file of a network: labels, or the embeddings of texts and their lengths. `unconditional`: of texts, where it
 * is known. `size`: height, width and their ratio, for networks that are told.
 */
export function inputsOf(
  { conditions }: Pick<Network, 'conditions'>,
  unconditional: UnconditionalText | undefined,
  size: readonly number[] | undefined,
): ModelInput[] {
  return conditions.map(({ name, type, rows, columns, classes }) => {
    const input = { name, type, rows, columns };
    if (classes !== undefined) return labelsBelow(classes);
    if (name === TEXT) return { ...input, ...(unconditional && { unconditional: 'tensor' }) };
    if (name === SIZE) return { ...input, values: size! };
    const { rows: tokens } = conditions.find((condition) => condition.name === TEXT)!;
    return {
      ...input,
      least: 1,
      most: tokens,
      ...(unconditional && { unconditional: unconditional.length }),
    };
  });
}

/** Whether all sequences of a step share one row of the table: nothing that differs between images is part of it. */
export function sharesRow({ conditions }: Pick<Network, 'conditions'>): boolean {
  return conditions.every(({ scope, name }) => scope === 'sequence' || name === SIZE);
}

/**
 * The inputs as conditions of a network. Throws a `FormatError` that names the file for one that is neither a model of labels nor
 * one of texts.
 */
export function conditionsOf({ inputs, conditioning }: ModelHeader, path: string): Condition[] {
  const names = inputs.map(({ name }) => name);
  const isOfText = [TEXT, LENGTHS].every((name) => names.includes(name));
  const others = inputs.filter(
    ({ name, values }) => !values && !(isOfText ? [TEXT, LENGTHS] : [LABELS]).includes(name),
  );
  if (others.length > 0 || names.length === 0)
    throw new FormatError(
      `${path} takes ${names.join(', ') || 'no inputs'}; expected a model of ${LABELS} or of ${TEXT} and ${LENGTHS}`,
    );
  const inTable = conditioning.buffers.filter(({ role }) => role === 'input').map(({ name }) => name);
  return inputs.map(({ name, type, rows, columns, most }) => ({
    ...{ name, type, rows, columns },
    scope: inTable.includes(name) ? 'table' : 'sequence',
    ...(name === LABELS && { classes: most! }),
  }));
}

/** As `expect` of readHeader.ts: throws where it does not hold. */
type Expect = (field: string, holds: boolean, expected: string) => asserts holds;

/** Checks the inputs of a header whose numbers are checked already. */
export function checkInputs(inputs: unknown, expect: Expect): asserts inputs is readonly ModelInput[] {
  const isList = Array.isArray(inputs) && inputs.length <= MOST_INPUTS;
  expect('inputs', isList, `a list of at most ${MOST_INPUTS}`);
  for (const [place, input] of (inputs as readonly Partial<ModelInput>[]).entries()) {
    const { name, type, rows, columns, least, most, unconditional, values } = input ?? {};
    const count = (field: string, value: unknown, from: number) =>
      expect(
        `inputs[${place}].${field}`,
        Number.isInteger(value) && (value as number) >= from && (value as number) <= MOST_SIDE,
        `an integer from ${from} to ${MOST_SIDE}`,
      );
    expect(`inputs[${place}].name`, typeof name === 'string', 'a string');
    expect(`inputs[${place}].type`, type === 'i32' || type === 'f32', 'i32 or f32');
    count('rows', rows, 1);
    count('columns', columns, 1);
    if (type === 'i32') {
      count('least', least, 0);
      count('most', most, least!);
    }
    const isGood = (value: unknown) =>
      type === 'f32'
        ? Number.isFinite(value)
        : Number.isInteger(value) && (value as number) >= least! && (value as number) <= most!;
    const isNamed = unconditional === 'conditional' || (unconditional === 'tensor' && type === 'f32');
    expect(
      `inputs[${place}].unconditional`,
      unconditional === undefined || isNamed || isGood(unconditional),
      'a value of the input',
    );
    expect(
      `inputs[${place}].values`,
      values === undefined ||
        (Array.isArray(values) && values.length === rows! * columns! && values.every(isGood)),
      'a group of values of the input',
    );
  }
}

/** Every input of a plan is one that sampling fills, in the sizes that format.ts tells. */
export function checkFilled(
  { inputs, conditioning, context, plans, images, guided, chunkSteps, labelRows }: ModelHeader,
  expect: Expect,
): void {
  const found = new Map<string, number>();
  const sequences = guided ? 2 * images : images;
  const check = (plan: Plan, own: readonly string[]) => {
    for (const { name, role, type, rows, columns } of plan.buffers) {
      if (role !== 'input' || own.includes(name)) continue;
      const input = inputs.find((each) => each.name === name);
      expect(`plan '${plan.name}': input '${name}'`, input !== undefined, 'one that is given');
      const groups = [labelRows, chunkSteps * labelRows, sequences].map((count) => count * input.rows);
      const fits = groups.includes(rows) && (found.get(name) ?? rows) === rows;
      expect(
        `plan '${plan.name}': buffer '${name}'`,
        fits && type === input.type && columns === input.columns,
        `of the size of the input`,
      );
      const isOfSequences = rows === sequences * input.rows;
      expect(
        `plan '${plan.name}': input '${name}'`,
        isOfSequences || labelRows > 1 || sequences === 1 || input.values !== undefined,
        'one whose values are in the file, since all sequences share a row of the table',
      );
      expect(
        `plan '${plan.name}': input '${name}'`,
        isOfSequences || input.unconditional !== 'conditional',
        'one of sequences, as unconditional ones that are as conditional ones must be',
      );
      found.set(name, rows);
    }
  };
  check(conditioning, ['timesteps']);
  if (context) check(context, []);
  for (const plan of plans) check(plan, ['latents', 'rows']);
  for (const { name } of inputs) expect(`input '${name}'`, found.has(name), 'read by a plan');
}
