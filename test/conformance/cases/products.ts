/** Cases of matrix products: linears, attention and convolution. */
import { convolvedSize } from '../../../src/plan/convolution.js';
import type { Epilogue } from '../../../src/plan/types.js';
import type { Random } from '../../support/random.js';
import { CaseBuilder, type CaseMaker, rowsOf } from './builder.js';

const EPILOGUES: readonly Epilogue[] = [
  'none',
  'gelu',
  'geluErf',
  'geluQuick',
  'silu',
  'gate',
  'gateResidual',
];

/** The epilogue's operands; half of the time the residual is updated in place. */
function epilogue(builder: CaseBuilder, random: Random, images: number, rows: number, columns: number) {
  const kind = random.pick(EPILOGUES);
  // One row an image, or as many as there are rows: a gated MLP.
  const gates = random.pick([images, rows]);
  if (kind === 'gate')
    return { epilogue: kind, gate: builder.state(gates, columns), out: builder.poisoned(rows, columns) };
  if (kind !== 'gateResidual') return { epilogue: kind, out: builder.poisoned(rows, columns) };
  const residual = builder.state(rows, columns);
  const out = random.uniform() < 0.5 ? residual : builder.poisoned(rows, columns);
  return { epilogue: kind, gate: builder.state(gates, columns), residual, out };
}

export const linear: CaseMaker = (random) => {
  const b = new CaseBuilder(random);
  const { images, rows } = rowsOf(random);
  const [inputs, outputs] = [random.integer(1, 150), random.integer(1, 90)];
  return b.finish(
    {
      op: 'linear',
      x: b.state(rows, inputs),
      weight: b.weight(outputs, inputs),
      ...(random.uniform() < 0.7 && { bias: b.weight(1, outputs, 1) }),
      ...(random.uniform() < 0.5 && { store: b.poisoned(rows, outputs) }),
      ...epilogue(b, random, images, rows, outputs),
    },
    2e-6,
  );
};

export const calibratedLinear: CaseMaker = (random) => {
  const b = new CaseBuilder(random);
  const { images, rows } = rowsOf(random);
  const inputs = random.integer(1, 150);
  const factors = Array.from({ length: random.pick([1, 3]) }, () => {
    const [rank, outputs] = [random.integer(1, 40), random.integer(1, 60)];
    return { down: b.weight(rank, inputs), up: b.weight(outputs, rank) };
  });
  const outputs = factors.reduce((sum, { up }) => sum + up.rows, 0);
  const ranks = factors.reduce((sum, { down }) => sum + down.rows, 0);
  const x = b.state(rows, inputs);
  const cached =
    random.uniform() < 0.5 ? { cachedInput: b.near(x, 0.1) } : { cachedHidden: b.state(rows, ranks) };
  const cachedOutput = b.state(rows, outputs);
  return b.finish(
    {
      op: 'calibratedLinear',
      x,
      ...cached,
      cachedOutput,
      factors,
      ...epilogue(b, random, images, rows, outputs),
    },
    2e-6,
  );
};

export const calibratedMlp: CaseMaker = (random) => {
  const b = new CaseBuilder(random);
  const { images, rows } = rowsOf(random);
  const [inputs, outputs] = [random.integer(1, 150), random.integer(1, 90)];
  // Some wider than the group of columns that a kernel makes at a time.
  const middle = random.integer(1, random.pick([90, 1200]));
  const [rank1, rank2] = [random.integer(1, 40), random.integer(1, 40)];
  const x = b.state(rows, inputs);
  const cached =
    random.uniform() < 0.5 ? { cachedInput: b.near(x, 0.5) } : { cachedHidden: b.state(rows, rank1) };
  return b.finish(
    {
      op: 'calibratedMlp',
      x,
      ...cached,
      cachedPreActivation: b.state(rows, middle),
      cachedOutput: b.state(rows, outputs),
      factors: [
        { down: b.weight(rank1, inputs), up: b.weight(middle, rank1) },
        { down: b.weight(rank2, middle), up: b.weight(outputs, rank2) },
      ],
      ...epilogue(b, random, images, rows, outputs),
    },
    2e-6,
  );
};

export const attention: CaseMaker = (random) => {
  const b = new CaseBuilder(random);
  // Some of several blocks of queries and of keys.
  const long = random.uniform() < 0.1;
  const [images, heads] = long ? [1, 2] : [random.integer(1, 3), random.integer(1, 3)];
  const width = random.integer(1, long ? 9 : 80);
  const queryLength = random.integer(1, long ? 300 : 70);
  const keyLength = random.uniform() < 0.5 ? queryLength : random.integer(1, long ? 600 : 150);
  const columns = heads * width;
  return b.finish(
    {
      op: 'attention',
      q: b.state(images * queryLength, columns, 2),
      k: b.state(images * keyLength, columns, 2),
      v: b.state(images * keyLength, columns),
      heads,
      queryLength,
      keyLength,
      scale: 1 / Math.sqrt(width),
      ...(random.uniform() < 0.5 && { mask: random.pick(['none', 'causal'] as const) }),
      ...(random.uniform() < 0.5 && { bias: b.state(heads * queryLength, keyLength, random.pick([1, 20])) }),
      ...(random.uniform() < 0.3 && { keyBias: b.padding(images, keyLength) }),
      ...(random.uniform() < 0.5 && { keyLengths: b.integers(images, 1, keyLength) }),
      out: b.poisoned(images * queryLength, columns),
    },
    1e-5,
  );
};

export const convolution: CaseMaker = (random) => {
  const b = new CaseBuilder(random);
  const geometry = {
    height: random.integer(1, 9),
    width: random.integer(1, 9),
    kernel: random.pick([1, 3] as const),
    stride: random.pick([1, 2] as const),
    upsample: random.pick([1, 2] as const),
    padTop: random.integer(0, 2),
    padBottom: random.integer(0, 2),
    padLeft: random.integer(0, 2),
    padRight: random.integer(0, 2),
  };
  const { height, width } = convolvedSize(geometry);
  // Too small an image for the filter.
  if (height < 1 || width < 1) return convolution(random);
  const images = random.integer(1, 3);
  const rows = images * height * width;
  // Some of whole vectors, some deeper than the block of the depth that a kernel takes at a time.
  const inputs = random.pick([random.integer(1, 40), 16 * random.integer(1, 4), random.integer(100, 200)]);
  const outputs = random.integer(1, 90);
  const epilogue = random.pick(['none', 'silu', 'residual'] as const);
  const residual = epilogue === 'residual' ? b.state(rows, outputs) : undefined;
  return b.finish(
    {
      op: 'convolution',
      x: b.state(images * geometry.height * geometry.width, inputs),
      weight: b.weight(outputs, inputs * geometry.kernel ** 2),
      ...(random.uniform() < 0.7 && { bias: b.weight(1, outputs, 1) }),
      ...geometry,
      epilogue,
      ...(residual && { residual }),
      out: residual && random.uniform() < 0.5 ? residual : b.poisoned(rows, outputs),
    },
    2e-6,
  );
};
