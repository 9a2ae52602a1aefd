/** Cases of operations that sum over rows or columns: norms, statistics and distances. */
import type { View } from '../../../src/plan/types.js';
import { CaseBuilder, type CaseMaker, rowsOf } from './builder.js';

/** Of few values that happen to be nearly the same, the rounding of their mean shows in what is left of them. */
const toleranceOfNorm = (values: number) => (values < 8 ? 1e-4 : 5e-6);

export const layerNormModulate: CaseMaker = (random) => {
  const b = new CaseBuilder(random);
  const { images, rows } = rowsOf(random);
  const columns = random.integer(2, 200);
  const [shift, scale] = [b.state(images, columns), b.state(images, columns)];
  const out = b.poisoned(rows, columns);
  return b.finish(
    { op: 'layerNormModulate', x: b.state(rows, columns, 3), shift, scale, epsilon: 1e-6, out },
    toleranceOfNorm(columns),
  );
};

export const norm: CaseMaker = (random) => {
  const b = new CaseBuilder(random);
  const groups = random.integer(1, 9);
  const span = random.pick([1, random.integer(1, 300)]);
  const images = random.integer(1, 3);
  const rows = images * span * (span === 1 ? random.integer(1, 20) : 1);
  const columns = groups * random.integer(2, 70);
  const x = b.state(rows, columns, 3);
  const affine = () => b.weight(1, random.pick([columns, columns / groups]), 1);
  const modulation = () => b.state(images, columns);
  const some = (view: () => View) => (random.uniform() < 0.5 ? view() : undefined);
  const [gain, bias, scale, shift] = [some(affine), some(affine), some(modulation), some(modulation)];
  return b.finish(
    {
      op: 'norm',
      kind: random.pick(['layer', 'rms']),
      x,
      span,
      groups,
      epsilon: 1e-6,
      ...(gain && { gain }),
      ...(bias && { bias }),
      ...(scale && { scale }),
      ...(shift && { shift }),
      epilogue: random.pick(['none', 'silu']),
      out: random.uniform() < 0.5 ? x : b.poisoned(rows, columns),
    },
    toleranceOfNorm((span * columns) / groups),
  );
};

export const channelStatistics: CaseMaker = (random) => {
  const b = new CaseBuilder(random);
  const { images, rows } = rowsOf(random);
  const x = b.state(rows, random.integer(1, 90));
  const previous = random.uniform() < 0.5 && { previous: b.near(x, 0.1) };
  return b.finish({ op: 'channelStatistics', x, ...previous, out: b.poisoned(images, x.columns) }, 2e-6);
};

export const secondMoment: CaseMaker = (random) => {
  const b = new CaseBuilder(random);
  const x = b.state(random.integer(1, 150), random.integer(1, 90));
  const previous = random.uniform() < 0.5 && { previous: b.near(x, 0.1) };
  return b.finish({ op: 'secondMoment', x, ...previous, out: b.poisoned(x.columns, x.columns) }, 2e-6);
};

export const relativeDistance: CaseMaker = (random) => {
  const b = new CaseBuilder(random);
  // Some wider than the segments that a kernel takes at a time.
  const x = b.state(random.integer(1, 40), random.integer(1, random.pick([90, 1200])));
  const previous = b.near(x, random.pick([0.1, 0]));
  return b.finish(
    { op: 'relativeDistance', x, previous, norm: random.pick([1, 2]), out: b.poisoned(1, 1) },
    2e-6,
  );
};
