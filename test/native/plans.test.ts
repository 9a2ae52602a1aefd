/**
 * TypeScript and C++ read the same plans: of many plans with one thing spoilt, both take or refuse each, and name the same
 * operand. INCACHE_MUTATIONS sets how many; a failure tells the plan's number, which is its seed.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePlan, serializePlan } from '../../src/plan/file.js';
import { OP_NAMES } from '../../src/plan/schema.js';
import { CASES } from '../conformance/cases.js';
import { allPlans } from '../support/plans.js';
import { Random } from '../support/random.js';
import { rawBinding, SKIP } from './present.js';

const MUTATIONS = Number(process.env.INCACHE_MUTATIONS ?? 10_000);

type Container = Record<string, unknown> | unknown[];
/** One value of a file: `holder[key]`. */
interface Leaf {
  readonly holder: Record<string, unknown>;
  readonly key: string;
}

function* leaves(holder: Container): Generator<Leaf> {
  for (const [key, value] of Object.entries(holder)) {
    yield { holder: holder as Record<string, unknown>, key };
    if (typeof value === 'object' && value !== null) yield* leaves(value as Container);
  }
}

const NUMBERS = [0, 1, 2, 3, 4, 1e-6, -1, 1.5, 2 ** 30, 2 ** 30 + 1, 2 ** 53, 1e300];
const TEXTS = ['weight', 'input', 'output', 'state', 'temporary', 'f32', 'bf16', 'f16', 'e4m3', 'i32'];
const WORDS = [...TEXTS, 'none', 'gelu', 'silu', 'gateResidual', 'relu', '', 'x', ...OP_NAMES];

/** Spoils one value, or changes it for another that may do as well. */
function mutate(file: { buffers: unknown[]; ops: unknown[] }, random: Random): void {
  const all = [...leaves({ buffers: file.buffers, ops: file.ops })];
  const { holder, key } = random.pick(all);
  const value = holder[key];
  const other = random.pick(all);
  const kind = random.integer(0, 9);
  if (kind === 0) delete holder[key];
  else if (kind === 1) holder[key] = random.pick([null, [], {}, 'x', 7, true]);
  else if (kind === 2) holder[key] = structuredClone(other.holder[other.key]);
  else if (kind === 3 && !Array.isArray(holder))
    holder[random.pick(['extra', 'y', 'bias', 'scale', 'store'])] = value;
  else if (kind === 4 && Array.isArray(value) && value.length > 0)
    value.splice(
      random.integer(0, value.length - 1),
      1,
      ...(random.uniform() < 0.5 ? [value[0], value[0]] : []),
    );
  else if (typeof value === 'number')
    holder[key] = random.uniform() < 0.5 ? value + random.pick([-2, -1, 1, 2, value]) : random.pick(NUMBERS);
  else if (typeof value === 'string') holder[key] = random.pick(WORDS);
}

/** What a refusal is about: the operation, the buffer, and the operand or attribute of it. */
function subject(message: string): string {
  const [, place, name = ''] =
    /: (op \d+) \(.*?\): (?:'.*' is |expected exactly )?([\w[\]]+(?:\.\w+)?)/.exec(message) ??
    /: (buffer \d+) \(/.exec(message) ??
    /((?:ops|buffers)\[\d+\])(?:\.op)?(?:\.((?:\w+\[\d+\]\.)?\w+(?:\[\d+\])?))?/.exec(message) ??
    [];
  if (place?.startsWith('buffer')) return place.replace(/\W+/g, ' ').replace('buffers', 'buffer').trim();
  return `${(place ?? message).replace(/(op|buffer)s?[ [](\d+)\]?/, '$1 $2')} ${name}`;
}

const refusal = (read: () => unknown): string | undefined => {
  try {
    read();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
};

test(`${MUTATIONS} spoilt plans are taken or refused alike in TypeScript and C++`, { skip: SKIP }, () => {
  const binding = rawBinding();
  const texts = [
    ...allPlans()
      .sort((a, b) => a.ops.length - b.ops.length)
      .slice(0, 3),
    ...OP_NAMES.flatMap((op) => [1, 2, 3, 4].map((seed) => CASES[op](new Random(seed)).plan)),
  ].map(serializePlan);
  const differ: string[] = [];
  let taken = 0;
  for (let seed = 0; seed < MUTATIONS; seed++) {
    const random = new Random(seed);
    const file = JSON.parse(random.pick(texts));
    mutate(file, random);
    const text = JSON.stringify(file);
    const ours = refusal(() => parsePlan(text));
    const theirs = refusal(() => binding.destroyPlan(binding.parsePlan(text)));
    if (ours === undefined && theirs === undefined) taken++;
    else if (subject(ours ?? 'taken') !== subject(theirs ?? 'taken'))
      differ.push(`plan ${seed}: '${ours ?? 'taken'}' and '${theirs ?? 'taken'}'`);
  }
  assert.deepEqual(differ.slice(0, 40), []);
  assert.ok(taken > MUTATIONS / 20 && taken < MUTATIONS / 2, `${taken} were taken`);
});
