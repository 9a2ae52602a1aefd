/** Cases of operations from element to element: sums, activations and gates. */
import type { Random } from '../../support/random.js';
import { CaseBuilder, type CaseMaker, rowsOf } from './builder.js';

export const add: CaseMaker = (random) => {
  const b = new CaseBuilder(random);
  const [repeats, rows, columns] = [random.integer(1, 4), random.integer(1, 20), random.integer(1, 90)];
  const x = b.state(repeats * rows, columns);
  const y = random.uniform() < 0.5 ? b.state(rows, columns) : b.weight(rows, columns);
  const out = random.uniform() < 0.5 ? x : b.poisoned(repeats * rows, columns);
  return b.finish({ op: 'add', x, y, out }, 1e-7);
};

export const silu: CaseMaker = (random) => {
  const b = new CaseBuilder(random);
  return b.finish({ op: 'silu', ...activated(b, random) }, 1e-6);
};

export const gelu: CaseMaker = (random) => {
  const b = new CaseBuilder(random);
  const form = random.pick([undefined, 'tanh', 'erf', 'quick'] as const);
  return b.finish({ op: 'gelu', ...activated(b, random), ...(form && { form }) }, 1e-6);
};

/** What activations read and write: small numbers, those of a network, and some beyond the ends of the function. */
function activated(b: CaseBuilder, random: Random) {
  const [rows, columns] = [random.integer(1, 30), random.integer(1, 90)];
  const x = b.state(rows, columns, random.pick([0.01, 1, 30]));
  return { x, out: random.uniform() < 0.5 ? x : b.poisoned(rows, columns) };
}

export const gateResidual: CaseMaker = (random) => {
  const b = new CaseBuilder(random);
  const { images, rows } = rowsOf(random);
  const columns = random.integer(1, 90);
  const residual = b.state(rows, columns);
  const out = random.uniform() < 0.5 ? residual : b.poisoned(rows, columns);
  return b.finish(
    { op: 'gateResidual', x: b.state(rows, columns), gate: b.state(images, columns), residual, out },
    2e-7,
  );
};

export const linearCombination: CaseMaker = (random) => {
  const b = new CaseBuilder(random);
  const [rows, columns] = [random.integer(1, 40), random.integer(1, 90)];
  const terms = Array.from({ length: random.integer(1, 4) }, () => ({
    x: b.state(rows, columns),
    coefficient: random.normal(),
  }));
  const out = random.uniform() < 0.5 ? random.pick(terms).x : b.poisoned(rows, columns);
  return b.finish({ op: 'linearCombination', terms, out }, 5e-7);
};

export const rotate: CaseMaker = (random) => {
  const b = new CaseBuilder(random);
  const { images, rows } = rowsOf(random);
  const tableRows = random.pick([rows, rows / images, 1]);
  const [heads, half] = [random.integer(1, 4), random.integer(1, 45)];
  const x = b.state(rows, heads * 2 * half);
  const [cos, sin] = [b.state(tableRows, half), b.state(tableRows, half)];
  const out = random.uniform() < 0.5 ? x : b.poisoned(rows, x.columns);
  return b.finish(
    { op: 'rotate', x, cos, sin, heads, pairs: random.pick(['interleaved', 'halves']), out },
    5e-7,
  );
};
