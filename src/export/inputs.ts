/** What a model file is conditioned on besides the timestep, by name: labels, or the embeddings of a text. */
import { FormatError } from '../errors.js';
import type { Plan } from '../plan/types.js';
import type { ModelHeader } from './format.js';

/**
 * A program gives a group of `rows` x `columns` values for every image. Under guidance the group of the unconditional sequences
 * holds `unconditional` everywhere; where that is absent, the program gives it too, after those of the images (as of an empty or
 * a negative prompt).
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
  readonly unconditional?: number;
}

const LABELS = 'labels';
const MOST_INPUTS = 16;
const MOST_SIDE = 2 ** 24;

/** The input of a model of classes: labels are from 0 to classes - 1, `classes` itself is the null class. */
export function labelsBelow(classes: number): ModelInput {
  return { name: LABELS, type: 'i32', rows: 1, columns: 1, least: 0, most: classes, unconditional: classes };
}

/** How many classes a model of labels has. Throws a `FormatError` that names the file for one of other inputs. */
export function classesOf({ inputs }: ModelHeader, path: string): number {
  const [labels, ...others] = inputs;
  if (labels?.name !== LABELS || others.length > 0)
    throw new FormatError(
      `${path} takes ${inputs.map(({ name }) => name).join(', ') || 'no inputs'}; expected a model of labels alone`,
    );
  return labels.most!;
}

/** As `expect` of readHeader.ts: throws where it does not hold. */
type Expect = (field: string, holds: boolean, expected: string) => asserts holds;

/** Of a header whose numbers are checked. */
export function checkInputs(inputs: unknown, expect: Expect): asserts inputs is readonly ModelInput[] {
  const isList = Array.isArray(inputs) && inputs.length <= MOST_INPUTS;
  expect('inputs', isList, `a list of at most ${MOST_INPUTS}`);
  for (const [place, input] of (inputs as readonly Partial<ModelInput>[]).entries()) {
    const { name, type, rows, columns, least, most, unconditional } = input ?? {};
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
    const isInRange =
      type === 'f32' ||
      (Number.isInteger(unconditional) && unconditional! >= least! && unconditional! <= most!);
    expect(
      `inputs[${place}].unconditional`,
      unconditional === undefined || (Number.isFinite(unconditional) && isInRange),
      'a value of the input',
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
      found.set(name, rows);
    }
  };
  check(conditioning, ['timesteps']);
  if (context) check(context, []);
  for (const plan of plans) check(plan, ['latents', 'rows']);
  for (const { name } of inputs) expect(`input '${name}'`, found.has(name), 'read by a plan');
}
