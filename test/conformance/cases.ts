/** Random one-operation plans: shapes that fit no tile, operands that are views into larger buffers. */
import { convolvedSize } from '../../src/plan/convolution.js';
import type { Epilogue, Op, OpName, Plan, PlanBuffer, View } from '../../src/plan/types.js';
import { validatePlan } from '../../src/plan/validate.js';
import type { Random } from '../support/random.js';

export interface ConformanceCase {
  readonly plan: Plan;
  /** Host values of every weight, input and state buffer, by name. */
  readonly values: ReadonlyMap<string, Float32Array | Int32Array>;
  /** Largest relative L2 error of the written views against float64. */
  readonly tolerance: number;
}

/** Makes random cases of one operation. */
export type CaseMaker = (random: Random) => ConformanceCase;

class CaseBuilder {
  readonly #buffers: PlanBuffer[] = [];
  readonly #values = new Map<string, Float32Array | Int32Array>();
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  weight(rows: number, columns: number, scale = 1 / Math.sqrt(columns)): View {
    return this.#view('weight', rows, columns, (count) => this.#random.normals(count, scale));
  }

  /** Everything a case reads or writes besides weights is state, so that guard bands can be inspected. */
  state(rows: number, columns: number, scale = 1): View {
    return this.#view('state', rows, columns, (count) => this.#random.normals(count, scale));
  }

  /** A state whose values are those of `view`, moved a little: a cached tensor of the step before. */
  near(view: View, amount: number): View {
    const buffer = this.#buffers[view.buffer]!;
    const values = this.#values.get(buffer.name)!;
    const moved = Float32Array.from(values, (value) => value + amount * this.#random.normal());
    return { ...view, buffer: this.#add({ ...buffer, role: 'state' }, moved) };
  }

  poisoned(rows: number, columns: number): View {
    return this.#view('state', rows, columns, (count) => new Float32Array(count).fill(Number.NaN));
  }

  integers(rows: number, minimum: number, maximum: number): View {
    const values = Int32Array.from({ length: rows }, () => this.#random.integer(minimum, maximum));
    const buffer = this.#add({ role: 'input', type: 'i32', rows, columns: 1 }, values);
    return { buffer, row: 0, rows, column: 0, columns: 1 };
  }

  finish(op: Op, tolerance: number): ConformanceCase {
    const plan: Plan = { name: `one ${op.op}`, buffers: this.#buffers, ops: [{ layer: '', op }] };
    validatePlan(plan);
    return { plan, values: this.#values, tolerance };
  }

  /** Half of the views lie inside a larger buffer, with rows and columns around them. */
  #view(
    role: 'weight' | 'state',
    rows: number,
    columns: number,
    fill: (count: number) => Float32Array,
  ): View {
    const margin = () => (this.#random.uniform() < 0.5 ? 0 : this.#random.integer(0, 7));
    const [row, column, below, right] = [margin(), margin(), margin(), margin()];
    const size = { rows: row + rows + below, columns: column + columns + right };
    const values = fill(size.rows * size.columns);
    const buffer = this.#add({ role, type: 'f32', ...size }, values);
    return { buffer, row, rows, column, columns };
  }

  #add(buffer: Omit<PlanBuffer, 'name'>, values: Float32Array | Int32Array): number {
    const { role, type, rows, columns } = buffer;
    const name = `b${this.#buffers.length}`;
    this.#values.set(name, values);
    return this.#buffers.push({ name, role, type, rows, columns }) - 1;
  }
}

const EPILOGUES: readonly Epilogue[] = ['none', 'gelu', 'silu', 'gateResidual'];

/** The epilogue's operands; half of the time the residual is updated in place. */
function epilogue(builder: CaseBuilder, random: Random, images: number, rows: number, columns: number) {
  const kind = random.pick(EPILOGUES);
  if (kind !== 'gateResidual') return { epilogue: kind, out: builder.poisoned(rows, columns) };
  const residual = builder.state(rows, columns);
  const out = random.uniform() < 0.5 ? residual : builder.poisoned(rows, columns);
  return { epilogue: kind, gate: builder.state(images, columns), residual, out };
}

/** Images and tokens of an image, so that their product is the number of rows. */
function rowsOf(random: Random): { images: number; rows: number } {
  const images = random.integer(1, 3);
  return { images, rows: images * random.integer(1, 47) };
}

const linear: CaseMaker = (random) => {
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

const calibratedLinear: CaseMaker = (random) => {
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

const calibratedMlp: CaseMaker = (random) => {
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

const attention: CaseMaker = (random) => {
  const b = new CaseBuilder(random);
  const [images, heads, width] = [random.integer(1, 3), random.integer(1, 3), random.integer(1, 80)];
  const queryLength = random.integer(1, 70);
  const keyLength = random.uniform() < 0.5 ? queryLength : random.integer(1, 150);
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
      ...(random.uniform() < 0.5 && { keyLengths: b.integers(images, 1, keyLength) }),
      out: b.poisoned(images * queryLength, columns),
    },
    1e-5,
  );
};

const layerNormModulate: CaseMaker = (random) => {
  const b = new CaseBuilder(random);
  const { images, rows } = rowsOf(random);
  const columns = random.integer(2, 200);
  const [shift, scale] = [b.state(images, columns), b.state(images, columns)];
  const out = b.poisoned(rows, columns);
  return b.finish(
    { op: 'layerNormModulate', x: b.state(rows, columns, 3), shift, scale, epsilon: 1e-6, out },
    5e-6,
  );
};

function patches(random: Random) {
  const patch = random.integer(1, 4);
  const geometry = {
    channels: random.integer(1, 5),
    height: patch * random.integer(1, 5),
    width: patch * random.integer(1, 5),
    patch,
  };
  const images = random.integer(1, 3);
  const tokens = (images * geometry.height * geometry.width) / patch ** 2;
  return { geometry, images, tokens };
}

const patchify: CaseMaker = (random) => {
  const b = new CaseBuilder(random);
  const { geometry, images, tokens } = patches(random);
  const { channels, height, width, patch } = geometry;
  const x = b.state(images, channels * height * width);
  return b.finish({ op: 'patchify', x, ...geometry, out: b.poisoned(tokens, channels * patch * patch) }, 0);
};

const unpatchify: CaseMaker = (random) => {
  const b = new CaseBuilder(random);
  const { geometry, images, tokens } = patches(random);
  const { channels, height, width, patch } = geometry;
  const x = b.state(tokens, channels * patch * patch);
  return b.finish(
    { op: 'unpatchify', x, ...geometry, out: b.poisoned(images, channels * height * width) },
    0,
  );
};

const timestepEmbedding: CaseMaker = (random) => {
  const b = new CaseBuilder(random);
  const rows = random.integer(1, 9);
  const out = b.poisoned(rows, 2 * random.integer(1, 140));
  return b.finish({ op: 'timestepEmbedding', x: b.state(rows, 1, 500), maxPeriod: 10000, out }, 1e-6);
};

const gatherRows: CaseMaker = (random) => {
  const b = new CaseBuilder(random);
  const [tableRows, rows, columns] = [random.integer(1, 20), random.integer(1, 20), random.integer(1, 90)];
  const table = random.uniform() < 0.5 ? b.state(tableRows, columns) : b.weight(tableRows, columns);
  const index = b.integers(rows, 0, tableRows - 1);
  return b.finish({ op: 'gatherRows', table, index, out: b.poisoned(rows, columns) }, 0);
};

const add: CaseMaker = (random) => {
  const b = new CaseBuilder(random);
  const [repeats, rows, columns] = [random.integer(1, 4), random.integer(1, 20), random.integer(1, 90)];
  const x = b.state(repeats * rows, columns);
  const y = random.uniform() < 0.5 ? b.state(rows, columns) : b.weight(rows, columns);
  const out = random.uniform() < 0.5 ? x : b.poisoned(repeats * rows, columns);
  return b.finish({ op: 'add', x, y, out }, 1e-7);
};

const activation =
  (op: 'silu' | 'gelu'): CaseMaker =>
  (random) => {
    const b = new CaseBuilder(random);
    const [rows, columns] = [random.integer(1, 30), random.integer(1, 90)];
    const x = b.state(rows, columns, random.pick([0.01, 1, 30]));
    return b.finish({ op, x, out: random.uniform() < 0.5 ? x : b.poisoned(rows, columns) }, 1e-6);
  };

const gateResidual: CaseMaker = (random) => {
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

const channelStatistics: CaseMaker = (random) => {
  const b = new CaseBuilder(random);
  const { images, rows } = rowsOf(random);
  const x = b.state(rows, random.integer(1, 90));
  const previous = random.uniform() < 0.5 && { previous: b.near(x, 0.1) };
  return b.finish({ op: 'channelStatistics', x, ...previous, out: b.poisoned(images, x.columns) }, 2e-6);
};

const secondMoment: CaseMaker = (random) => {
  const b = new CaseBuilder(random);
  const x = b.state(random.integer(1, 150), random.integer(1, 90));
  const previous = random.uniform() < 0.5 && { previous: b.near(x, 0.1) };
  return b.finish({ op: 'secondMoment', x, ...previous, out: b.poisoned(x.columns, x.columns) }, 2e-6);
};

const linearCombination: CaseMaker = (random) => {
  const b = new CaseBuilder(random);
  const [rows, columns] = [random.integer(1, 40), random.integer(1, 90)];
  const terms = Array.from({ length: random.integer(1, 4) }, () => ({
    x: b.state(rows, columns),
    coefficient: random.normal(),
  }));
  const out = random.uniform() < 0.5 ? random.pick(terms).x : b.poisoned(rows, columns);
  return b.finish({ op: 'linearCombination', terms, out }, 5e-7);
};

const relativeDistance: CaseMaker = (random) => {
  const b = new CaseBuilder(random);
  // Some wider than the segments that a kernel takes at a time.
  const x = b.state(random.integer(1, 40), random.integer(1, random.pick([90, 1200])));
  const previous = b.near(x, random.pick([0.1, 0]));
  return b.finish(
    { op: 'relativeDistance', x, previous, norm: random.pick([1, 2]), out: b.poisoned(1, 1) },
    2e-6,
  );
};

const convolution: CaseMaker = (random) => {
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

const norm: CaseMaker = (random) => {
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
    5e-6,
  );
};

/** A maker for every operation; the type fails to compile when one is missing. */
export const CASES: Record<OpName, CaseMaker> = {
  linear,
  calibratedLinear,
  calibratedMlp,
  attention,
  layerNormModulate,
  patchify,
  unpatchify,
  timestepEmbedding,
  gatherRows,
  add,
  silu: activation('silu'),
  gelu: activation('gelu'),
  gateResidual,
  channelStatistics,
  secondMoment,
  linearCombination,
  relativeDistance,
  convolution,
  norm,
};
