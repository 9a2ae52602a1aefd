/** Checks a plan, whoever made it: shapes, element types, roles, and that nothing is read before it is written. */
import { PlanError } from '../errors.js';
import { clashes } from './aliasing.js';
import { type Operand, operandsOf } from './operands.js';
import { Region } from './region.js';
import {
  type BufferType,
  type CalibratedLinearOp,
  type CalibratedMlpOp,
  type FactorPair,
  FLOAT_TYPES,
  is16Bit,
  type LinearCombinationOp,
  type Op,
  type Plan,
  type PlanBuffer,
  ROW_SCALED_TYPES,
  type View,
} from './types.js';

/** Of every side and count: products of two are exact, in a double and in 64 bits. */
const MOST = 2 ** 30;
/** Of a buffer: 2^38 bytes are beyond any device that this runs on. */
const MOST_ELEMENTS = 2 ** 36;

/** Throws a `PlanError` that names the operation and the operand, and states both shapes. */
export function validatePlan(plan: Plan): void {
  checkBuffers(plan.buffers);
  const written = new Map<number, Region>();
  for (const [place, { layer, op }] of plan.ops.entries()) {
    const check = new OpCheck(plan, `op ${place} (${op.op}${layer ? ` of ${layer}` : ''})`);
    const { reads, writes } = operandsOf(op);
    for (const operand of [...reads, ...writes]) check.inside(operand);
    for (const operand of reads) check.readable(operand, written);
    for (const operand of writes) check.writable(operand);
    checkOp(check, op);
    checkAliasing(check, op, reads, writes);
    for (const { view } of writes) {
      const region = written.get(view.buffer) ?? new Region();
      written.set(view.buffer, region);
      region.add(view);
    }
  }
}

function checkBuffers(buffers: readonly PlanBuffer[]): void {
  const names = new Set<string>();
  for (const [id, buffer] of buffers.entries()) {
    const what = `buffer ${id} ('${buffer.name}')`;
    if (names.has(buffer.name)) throw new PlanError(`${what}: the name is taken by another buffer`);
    names.add(buffer.name);
    for (const field of ['rows', 'columns'] as const) {
      const size = buffer[field];
      if (!Number.isSafeInteger(size) || size < 1 || size > MOST)
        throw new PlanError(`${what}: ${field} is ${size}; expected an integer from 1 to 2^30`);
    }
    if (buffer.rows * buffer.columns > MOST_ELEMENTS)
      throw new PlanError(
        `${what}: it is ${buffer.rows} x ${buffer.columns}; expected at most 2^36 elements`,
      );
    if (buffer.type === 'i32' && buffer.role !== 'input')
      throw new PlanError(`${what}: only inputs may hold i32, not a ${buffer.role}`);
    if (buffer.type === 'e4m3' && buffer.role !== 'state')
      throw new PlanError(`${what}: only states may hold e4m3, not a ${buffer.role}`);
    if (is16Bit(buffer.type) && buffer.role !== 'state' && buffer.role !== 'temporary')
      throw new PlanError(
        `${what}: only states and temporaries may hold ${buffer.type}, not a ${buffer.role}`,
      );
  }
}

/** Checks of one operation, with its name for the messages. */
class OpCheck {
  readonly plan: Plan;
  readonly #where: string;

  constructor(plan: Plan, where: string) {
    this.plan = plan;
    this.#where = where;
  }

  fail(problem: string): never {
    throw new PlanError(`${this.#where}: ${problem}`);
  }

  buffer(view: View): PlanBuffer {
    return this.plan.buffers[view.buffer]!;
  }

  inside({ name, view }: Operand): void {
    const buffer = this.plan.buffers[view.buffer];
    if (!buffer) this.fail(`${name} names buffer ${view.buffer}, of ${this.plan.buffers.length}`);
    const spans = [
      [view.row, view.rows, buffer.rows, 'rows'],
      [view.column, view.columns, buffer.columns, 'columns'],
    ] as const;
    for (const [start, count, size, unit] of spans) {
      const whole = Number.isSafeInteger(start) && Number.isSafeInteger(count);
      if (!whole || start < 0 || count < 1 || start + count > size)
        this.fail(`${name} takes ${count} ${unit} from ${start} of '${buffer.name}', which has ${size}`);
    }
  }

  readable({ name, view }: Operand, written: ReadonlyMap<number, Region>): void {
    const buffer = this.buffer(view);
    if (buffer.role !== 'temporary' && buffer.role !== 'output') return;
    const region = written.get(view.buffer);
    if (!region) this.fail(`${name} reads '${buffer.name}' before it is written`);
    const gap = region.missing(view);
    if (gap)
      this.fail(
        `${name} reads '${buffer.name}' before ${span('row', gap.row, gap.rows)} of ${span('column', gap.column, gap.columns)} are written`,
      );
  }

  writable({ name, view }: Operand): void {
    const { role, name: buffer } = this.buffer(view);
    if (role === 'weight' || role === 'input') this.fail(`${name} writes to '${buffer}', which is a ${role}`);
  }

  type(name: string, view: View, float: readonly BufferType[]): void {
    const { type, name: buffer } = this.buffer(view);
    const expected = INTEGER_OPERANDS.has(name) ? ['i32'] : float;
    if (!expected.includes(type))
      this.fail(`${name} is ${type} ('${buffer}'); expected ${expected.join(', ')}`);
  }

  /** A row of e4m3 has one scale, which is found at its beginning. */
  wholeRows(name: string, view: View): void {
    const { type, name: buffer, columns } = this.buffer(view);
    if (type === 'e4m3' && view.columns !== columns)
      this.fail(`${name} takes ${view.columns} of the ${columns} columns of '${buffer}', which is e4m3`);
  }

  /** No kernel converts between 16-bit types. */
  oneHalfType(operands: readonly Operand[]): void {
    const halves = operands.map(({ view }) => this.buffer(view)).filter(({ type }) => is16Bit(type));
    const other = halves.find(({ type }) => type !== halves[0]!.type);
    if (other)
      this.fail(
        `'${halves[0]!.name}' is ${halves[0]!.type} and '${other.name}' ${other.type}; expected one 16-bit type`,
      );
  }

  shape(name: string, view: View | undefined, rows: number, columns: number): void {
    if (view && (view.rows !== rows || view.columns !== columns))
      this.fail(`${name} is ${view.rows} x ${view.columns}; expected ${rows} x ${columns}`);
  }

  columns(name: string, view: View, columns: number): void {
    if (view.columns !== columns) this.fail(`${name} has ${view.columns} columns; expected ${columns}`);
  }

  positive(name: string, value: number): void {
    if (!Number.isFinite(value) || value <= 0) this.fail(`${name} is ${value}; expected a positive number`);
  }

  count(name: string, value: number): void {
    if (!Number.isSafeInteger(value) || value < 1 || value > MOST)
      this.fail(`${name} is ${value}; expected an integer from 1 to 2^30`);
  }

  /** One row an image: the rows of `tokens` must be a multiple of those of `view`. */
  perImage(name: string, view: View, tokens: View): void {
    this.columns(name, view, tokens.columns);
    if (tokens.rows % view.rows !== 0)
      this.fail(`${name} has ${view.rows} rows, which does not divide the ${tokens.rows} rows of tokens`);
  }

  weight(name: string, view: View): void {
    const { role, name: buffer } = this.buffer(view);
    if (role !== 'weight') this.fail(`${name} is '${buffer}', of role ${role}; expected a weight`);
  }
}

/** `rows 2 to 5`, both among them. */
function span(unit: string, first: number, count: number): string {
  return `${unit}s ${first} to ${first + count - 1}`;
}

const INTEGER_OPERANDS = new Set(['index', 'keyLengths']);
const ROW_OPERATION_TYPES: readonly BufferType[] = [...FLOAT_TYPES, ...ROW_SCALED_TYPES];

function checkOp(check: OpCheck, op: Op): void {
  const { reads, writes } = operandsOf(op);
  const types = op.op === 'linearCombination' ? ROW_OPERATION_TYPES : FLOAT_TYPES;
  for (const { name, view } of [...reads, ...writes]) {
    check.type(name, view, types);
    check.wholeRows(name, view);
  }
  check.oneHalfType([...reads, ...writes]);
  switch (op.op) {
    case 'linear':
      check.weight('weight', op.weight);
      check.columns('weight', op.weight, op.x.columns);
      check.shape('out', op.out, op.x.rows, op.weight.rows);
      check.shape('store', op.store, op.x.rows, op.weight.rows);
      check.shape('bias', op.bias, 1, op.weight.rows);
      checkEpilogue(check, op);
      return;
    case 'calibratedLinear':
      checkCalibratedLinear(check, op);
      return;
    case 'calibratedMlp':
      checkCalibratedMlp(check, op);
      return;
    case 'attention':
      checkAttention(check, op);
      return;
    case 'layerNormModulate':
      check.shape('out', op.out, op.x.rows, op.x.columns);
      check.perImage('shift', op.shift, op.x);
      check.shape('scale', op.scale, op.shift.rows, op.shift.columns);
      check.positive('epsilon', op.epsilon);
      return;
    case 'patchify':
    case 'unpatchify':
      checkPatches(check, op);
      return;
    case 'timestepEmbedding':
      check.shape('x', op.x, op.out.rows, 1);
      if (op.out.columns % 2 !== 0) check.fail(`out has ${op.out.columns} columns; expected an even number`);
      check.positive('maxPeriod', op.maxPeriod);
      return;
    case 'gatherRows':
      check.columns('out', op.out, op.table.columns);
      check.shape('index', op.index, op.out.rows, 1);
      return;
    case 'add':
      check.shape('out', op.out, op.x.rows, op.x.columns);
      check.perImage('y', op.y, op.x);
      return;
    case 'silu':
    case 'gelu':
      check.shape('out', op.out, op.x.rows, op.x.columns);
      return;
    case 'gateResidual':
      check.shape('out', op.out, op.x.rows, op.x.columns);
      check.shape('residual', op.residual, op.x.rows, op.x.columns);
      check.perImage('gate', op.gate, op.x);
      return;
    case 'channelStatistics':
      check.shape('previous', op.previous, op.x.rows, op.x.columns);
      check.perImage('out', op.out, op.x);
      return;
    case 'secondMoment':
      check.shape('previous', op.previous, op.x.rows, op.x.columns);
      check.shape('out', op.out, op.x.columns, op.x.columns);
      return;
    case 'linearCombination':
      checkTerms(check, op);
      return;
    case 'relativeDistance':
      check.shape('previous', op.previous, op.x.rows, op.x.columns);
      check.shape('out', op.out, 1, 1);
      if (op.norm !== 1 && op.norm !== 2) check.fail(`norm is ${op.norm}; expected 1 or 2`);
      return;
    default:
      check.fail(`unknown operation '${(op as { op: string }).op}'`);
  }
}

function checkEpilogue(check: OpCheck, op: Extract<Op, { epilogue: unknown }>): void {
  if (op.epilogue === 'gateResidual') {
    if (!op.gate || !op.residual) check.fail('epilogue gateResidual needs gate and residual');
    check.perImage('gate', op.gate, op.out);
    check.shape('residual', op.residual, op.out.rows, op.out.columns);
  } else if (op.epilogue !== 'none' && op.epilogue !== 'gelu' && op.epilogue !== 'silu') {
    check.fail(`epilogue is '${op.epilogue}'; expected none, gelu, silu or gateResidual`);
  } else if (op.gate || op.residual) {
    check.fail(`epilogue ${op.epilogue} takes neither gate nor residual`);
  }
}

function checkCacheForm(check: OpCheck, op: CalibratedLinearOp | CalibratedMlpOp): void {
  if ((op.cachedInput === undefined) === (op.cachedHidden === undefined))
    check.fail('expected exactly one of cachedInput (input form) and cachedHidden (rank form)');
  check.shape('cachedInput', op.cachedInput, op.x.rows, op.x.columns);
}

/** Pair `i`, whose input has `inputs` columns. */
function checkFactorPair(check: OpCheck, { down, up }: FactorPair, i: number, inputs: number): void {
  check.weight(`factors[${i}].down`, down);
  check.weight(`factors[${i}].up`, up);
  check.columns(`factors[${i}].down`, down, inputs);
  check.columns(`factors[${i}].up`, up, down.rows);
}

function checkCalibratedLinear(check: OpCheck, op: CalibratedLinearOp): void {
  checkCacheForm(check, op);
  if (op.factors.length === 0) check.fail('factors is empty');
  let columns = 0;
  let ranks = 0;
  for (const [i, pair] of op.factors.entries()) {
    checkFactorPair(check, pair, i, op.x.columns);
    columns += pair.up.rows;
    ranks += pair.down.rows;
  }
  check.shape('cachedHidden', op.cachedHidden, op.x.rows, ranks);
  check.shape('cachedOutput', op.cachedOutput, op.x.rows, columns);
  check.shape('out', op.out, op.x.rows, columns);
  checkEpilogue(check, op);
}

function checkCalibratedMlp(check: OpCheck, op: CalibratedMlpOp): void {
  checkCacheForm(check, op);
  const [fc1, fc2] = op.factors;
  if (!fc1 || !fc2 || op.factors.length !== 2)
    check.fail(`factors has ${op.factors.length} pairs; expected 2, of fc1 and fc2`);
  checkFactorPair(check, fc1, 0, op.x.columns);
  checkFactorPair(check, fc2, 1, fc1.up.rows);
  check.shape('cachedHidden', op.cachedHidden, op.x.rows, fc1.down.rows);
  check.shape('cachedPreActivation', op.cachedPreActivation, op.x.rows, fc1.up.rows);
  check.shape('cachedOutput', op.cachedOutput, op.x.rows, fc2.up.rows);
  check.shape('out', op.out, op.x.rows, fc2.up.rows);
  checkEpilogue(check, op);
}

const MOST_TERMS = 4;

function checkTerms(check: OpCheck, { terms, out }: LinearCombinationOp): void {
  if (terms.length < 1 || terms.length > MOST_TERMS)
    check.fail(`terms has ${terms.length} of them; expected 1 to ${MOST_TERMS}`);
  for (const [i, { x, coefficient }] of terms.entries()) {
    check.shape(`terms[${i}].x`, x, out.rows, out.columns);
    if (!Number.isFinite(coefficient))
      check.fail(`terms[${i}].coefficient is ${coefficient}; expected a finite number`);
  }
}

function checkAttention(check: OpCheck, op: Extract<Op, { op: 'attention' }>): void {
  check.count('heads', op.heads);
  check.count('queryLength', op.queryLength);
  check.count('keyLength', op.keyLength);
  check.positive('scale', op.scale);
  if (op.q.columns % op.heads !== 0)
    check.fail(`q has ${op.q.columns} columns, not a multiple of ${op.heads} heads`);
  if (op.q.rows % op.queryLength !== 0)
    check.fail(`q has ${op.q.rows} rows, not a multiple of queryLength ${op.queryLength}`);
  const images = op.q.rows / op.queryLength;
  check.shape('k', op.k, images * op.keyLength, op.q.columns);
  check.shape('v', op.v, images * op.keyLength, op.q.columns);
  check.shape('out', op.out, op.q.rows, op.q.columns);
  check.shape('keyLengths', op.keyLengths, images, 1);
}

function checkPatches(check: OpCheck, op: Extract<Op, { op: 'patchify' | 'unpatchify' }>): void {
  for (const field of ['channels', 'height', 'width', 'patch'] as const) check.count(field, op[field]);
  if (op.height % op.patch !== 0 || op.width % op.patch !== 0)
    check.fail(`patch ${op.patch} does not divide ${op.height} x ${op.width}`);
  const [image, tokens, imageName, tokensName] =
    op.op === 'patchify' ? [op.x, op.out, 'x', 'out'] : [op.out, op.x, 'out', 'x'];
  const perImage = (op.height / op.patch) * (op.width / op.patch);
  check.columns(imageName, image, op.channels * op.height * op.width);
  check.shape(tokensName, tokens, image.rows * perImage, op.channels * op.patch * op.patch);
}

/** A write may coincide exactly with an operand that is read element by element, and overlap no other. */
function checkAliasing(check: OpCheck, op: Op, reads: readonly Operand[], writes: readonly Operand[]): void {
  for (const write of writes)
    for (const other of [...reads, ...writes])
      if (other !== write && clashes(op, write, other))
        check.fail(`${write.name} overlaps ${other.name} in '${check.buffer(write.view).name}'`);
}
