/** Cases of operations from element to element: sums, activations and gates. */
import { CaseBuilder, type CaseMaker, rowsOf } from './builder.js';

export const add: CaseMaker = (random) => {
  const b = new CaseBuilder(random);
  const [repeats, rows, columns] = [random.integer(1, 4), random.integer(1, 20), random.integer(1, 90)];
  const x = b.state(repeats * rows, columns);
  const y = random.uniform() < 0.5 ? b.state(rows, columns) : b.weight(rows, columns);
  const out = random.uniform() < 0.5 ? x : b.poisoned(repeats * rows, columns);
  return b.finish({ op: 'add', x, y, out }, 1e-7);
};

export const activation =
  (op: 'silu' | 'gelu'): CaseMaker =>
  (random) => {
    const b = new CaseBuilder(random);
    const [rows, columns] = [random.integer(1, 30), random.integer(1, 90)];
    const x = b.state(rows, columns, random.pick([0.01, 1, 30]));
    return b.finish({ op, x, out: random.uniform() < 0.5 ? x : b.poisoned(rows, columns) }, 1e-6);
  };

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
