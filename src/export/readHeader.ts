/** The header of a model file, checked: what is not as `exportModel` writes it is refused. */
import { SAMPLER_NAMES } from '../diffusion/sampler.js';
import { FormatError } from '../errors.js';
import { isPictureSpace } from '../pipeline/picture.js';
import { isGuided } from '../pipeline/sequences.js';
import { parsePlan, serializePlan } from '../plan/file.js';
import type { Plan } from '../plan/types.js';
import { parseJsonObject } from '../weights/jsonFile.js';
import type { SafetensorsFile } from '../weights/safetensors.js';
import {
  DECODER_VERSION,
  FORMAT,
  HEADER_KEY,
  MOST_IMAGES,
  type ModelHeader,
  VERSION,
  VERSIONS,
} from './format.js';
import { checkFilled, checkInputs, labelsBelow, unconditionalTensor } from './inputs.js';

const LARGEST_SIDE = 2 ** 14;
const MOST_STEPS = 1000;

type Expected = (path: string, holds: boolean, expected: string) => asserts holds;

/** Throws a `FormatError` that names the file and the field for a header that is damaged or does not fit its plans and tensors. */
export function readHeader(file: SafetensorsFile): ModelHeader {
  const text = file.metadata[HEADER_KEY];
  if (text === undefined)
    throw new FormatError(`${file.path} is no model file: its metadata has no '${HEADER_KEY}'`);
  const header = parseJsonObject(`the header of ${file.path}`, text) as unknown as ModelHeader;
  const expect: Expected = (field, holds, expected) => {
    if (!holds) throw new FormatError(`${file.path}: ${field} is not ${expected}`);
  };
  expect('format', header.format === FORMAT, `'${FORMAT}'`);
  expect(
    'version',
    VERSIONS.includes(header.version),
    `one that this incache reads: ${VERSIONS.slice(0, -1).join(', ')} or ${VERSIONS.at(-1)}; export it anew`,
  );
  checkNumbers(header, expect);
  checkSteps(header, expect);
  const { version, decoder, context, classes, ...rest } = header as ModelHeader & { classes?: number };
  const inputs = version < VERSION ? [labelsBelow(classes!)] : header.inputs;
  checkInputs(inputs, expect);
  const hasDecoder = version === DECODER_VERSION || (version > DECODER_VERSION && decoder !== undefined);
  const checked: ModelHeader = {
    ...rest,
    version,
    inputs,
    ...(version >= VERSION && context !== undefined && { context: planOf(context, 'context', expect) }),
    conditioning: planOf(header.conditioning, 'conditioning', expect),
    plans: header.plans.map((plan, i) => planOf(plan, `plans[${i}]`, expect)),
    ...(hasDecoder && { decoder: decoderOf(header, expect) }),
  };
  checkPlans(checked, file, expect);
  return checked;
}

function checkNumbers(header: ModelHeader, expect: Expected): void {
  const count = (field: keyof ModelHeader, least: number, most: number) => {
    const value = header[field] as number;
    const holds = Number.isInteger(value) && value >= least && value <= most;
    expect(field, holds, `an integer from ${least} to ${most}`);
  };
  count('images', 1, MOST_IMAGES);
  count('channels', 1, 1024);
  count('height', 1, LARGEST_SIDE);
  count('width', 1, LARGEST_SIDE);
  if (header.version < VERSION) count('classes' as keyof ModelHeader, 1, 2 ** 24);
  count('guidanceChannels', 0, header.channels);
  count('labelRows', 1, MOST_IMAGES + 1);
  count('chunkSteps', 1, MOST_STEPS);
  expect('learnSigma', typeof header.learnSigma === 'boolean', 'true or false');
  expect('guidanceScale', Number.isFinite(header.guidanceScale), 'a number');
  expect('guided', header.guided === isGuided(header.guidanceScale), 'what the guidance scale says');
  const rows = header.images + (header.guided ? 1 : 0);
  expect(
    'labelRows',
    header.labelRows === rows || header.labelRows === 1,
    'one row, or a row an image and one more when guided',
  );
  expect('sampler', SAMPLER_NAMES.includes(header.sampler), `one of ${SAMPLER_NAMES.join(', ')}`);
  expect('initialScale', isNumber(header.initialScale ?? 1), 'a number');
}

function checkSteps({ steps, plans, learnSigma }: ModelHeader, expect: Expected): void {
  const isList = (value: unknown, most: number) =>
    Array.isArray(value) && value.length >= 1 && value.length <= most;
  expect('steps', isList(steps, MOST_STEPS), `a list of 1 to ${MOST_STEPS}`);
  expect('plans', isList(plans, MOST_STEPS), 'a list of plans');
  for (const [place, step] of steps.entries()) {
    const { plan, timestep, x0, next, logDeviation } = (step ?? {}) as Partial<typeof step>;
    const numbers = [
      timestep,
      x0?.x,
      x0?.noise,
      x0?.clip ?? 0,
      next?.x,
      next?.x0,
      next?.x0Before,
      next?.x0Earlier ?? 0,
      next?.noise,
    ];
    const isDeviation =
      logDeviation === undefined || (isList(logDeviation, 2) && logDeviation.every(isNumber));
    expect(`steps[${place}]`, numbers.every(isNumber) && isDeviation, 'the numbers of a step');
    expect(
      `steps[${place}].plan`,
      Number.isInteger(plan) && plans[plan!] !== undefined,
      'the place of a plan',
    );
    const isLearned = logDeviation !== undefined && logDeviation[0] !== logDeviation[1];
    expect(`steps[${place}]`, learnSigma || !isLearned, 'one of a model that predicts no variance');
  }
}

const isNumber = (value: unknown): boolean => Number.isFinite(value);

function planOf(plan: Plan, what: string, expect: Expected): Plan {
  expect(what, typeof plan === 'object' && plan !== null, 'a plan');
  return parsePlan(serializePlan(plan));
}

function decoderOf({ decoder }: ModelHeader, expect: Expected): NonNullable<ModelHeader['decoder']> {
  expect('decoder', typeof decoder === 'object' && decoder !== null, 'an object');
  const { scalingFactor, shiftFactor, channels, height, width } = decoder!;
  expect('decoder.scalingFactor', isNumber(scalingFactor) && scalingFactor > 0, 'a positive number');
  expect('decoder.shiftFactor', isNumber(shiftFactor), 'a number');
  expect('decoder.channels', isPictureSpace(channels), '1 or 3');
  for (const [name, side] of Object.entries({ height, width }))
    expect(
      `decoder.${name}`,
      Number.isInteger(side) && side >= 1 && side <= LARGEST_SIDE,
      `1 to ${LARGEST_SIDE}`,
    );
  return { ...decoder!, plan: planOf(decoder!.plan, 'decoder.plan', expect) };
}

/** The buffers that sampling reads and writes are there and have its sizes, and so do the tensors. */
function checkPlans(header: ModelHeader, file: SafetensorsFile, expect: Expected): void {
  const { conditioning, context, plans, decoder, channels, height, width, images, guided, learnSigma } =
    header;
  const size = channels * height * width;
  const sequences = guided ? 2 * images : images;
  const tableRows = header.chunkSteps * header.labelRows;
  const requireBuffer = (
    plan: Plan,
    name: string,
    role: string,
    type: string,
    rows: number,
    columns: number,
  ) => {
    const found = plan.buffers.find((buffer) => buffer.name === name);
    const fits =
      found?.role === role && found.type === type && found.rows === rows && found.columns === columns;
    expect(`plan '${plan.name}': buffer '${name}'`, fits, `${role}, ${type}, ${rows} x ${columns}`);
  };
  requireBuffer(conditioning, 'timesteps', 'input', 'f32', tableRows, 1);
  for (const plan of plans) {
    requireBuffer(plan, 'latents', 'input', 'f32', sequences, size);
    requireBuffer(plan, 'rows', 'input', 'i32', sequences, 1);
    requireBuffer(plan, 'prediction', 'output', 'f32', sequences, learnSigma ? 2 * size : size);
  }
  if (decoder) {
    requireBuffer(decoder.plan, 'latents', 'input', 'f32', 1, size);
    const picture = decoder.channels * decoder.height * decoder.width;
    requireBuffer(decoder.plan, 'image', 'output', 'f32', 1, picture);
  }
  checkFilled(header, expect);
  const requireTensor = (name: string, rows: number, columns: number) => {
    const count = file.entry(name).shape.reduce((product, side) => product * side, 1);
    expect(`tensor '${name}'`, count === rows * columns, `of ${rows} x ${columns} elements`);
  };
  for (const { name, rows, columns, unconditional } of header.inputs)
    if (unconditional === 'tensor') requireTensor(unconditionalTensor(name), rows, columns);
  for (const plan of [
    conditioning,
    ...(context ? [context] : []),
    ...plans,
    ...(decoder ? [decoder.plan] : []),
  ])
    for (const { name, role, rows, columns } of plan.buffers)
      if (role === 'weight') requireTensor(name, rows, columns);
}
