/** The polynomials of a sublayer's output, operation by operation, against their definitions in float64. */
import { describe, test } from 'node:test';
import type { DeviceTensor } from '../../src/backend/backend.js';
import { backends, openDevice } from '../../src/backend/choose.js';
import { withCombinations } from '../../src/cache/combination.js';
import { stepActions } from '../../src/cache/policy.js';
import { Schedule, scheduleLayers } from '../../src/cache/schedule.js';
import { seriesOf } from '../../src/cache/series.js';
import { ditNetwork } from '../../src/models/dit/network.js';
import type { Actions } from '../../src/models/layers/actions.js';
import { actingLayer } from '../../src/models/layers/context.js';
import { LayerEmitter } from '../../src/models/layers/emitter.js';
import { PlanBuilder } from '../../src/plan/builder.js';
import type { Plan } from '../../src/plan/types.js';
import { assertClose } from '../support/compare.js';
import { Random } from '../support/random.js';
import { TINY } from '../support/tinyModel.js';

const NETWORK = ditNetwork({ ...TINY, depth: 1 });
const PROJ = NETWORK.layers.find(({ kind }) => kind === 'proj')!;
const [ROWS, WIDTH] = [7, TINY.hiddenSize];
const COMPUTED = [0, 1, 4, 6, 7, 10];
const STEPS = 14;

const CASES = (['taylor', 'newton'] as const).flatMap((basis) =>
  [0, 1, 2, 3].map((order) => [basis, order] as const),
);

interface Continued {
  compute(step: number, output: Float64Array): void;
  extrapolate(step: number): Float64Array;
}

/** The polynomial through the last computed steps, as Lagrange writes it. */
class Polynomial implements Continued {
  #past: (readonly [number, Float64Array])[] = [];

  constructor(readonly order: number) {}

  compute(step: number, output: Float64Array): void {
    this.#past = [[step, output] as const, ...this.#past].slice(0, this.order + 1);
  }

  extrapolate(step: number): Float64Array {
    return this.#past.reduce(
      (sum, [own, output]) => {
        const others = this.#past.filter(([other]) => other !== own);
        const weight = others.reduce((product, [other]) => (product * (step - other)) / (own - other), 1);
        return sum.map((value, j) => value + weight * output[j]!);
      },
      new Float64Array(ROWS * WIDTH),
    );
  }
}

/** D0, D1, ... as the paper defines them (TaylorSeer, equation 3), in float64. */
class Series implements Continued {
  #differences: Float64Array[] = [];
  #step = 0;

  constructor(readonly order: number) {}

  compute(step: number, output: Float64Array): void {
    const now = [output];
    for (const [i, before] of this.#differences.slice(0, this.order).entries())
      now.push(now[i]!.map((value, j) => (value - before[j]!) / (step - this.#step)));
    this.#differences = now;
    this.#step = step;
  }

  extrapolate(step: number): Float64Array {
    const x = step - this.#step;
    let factor = 1;
    return this.#differences.reduce(
      (sum, difference, i) => {
        if (i > 0) factor *= x / i;
        return sum.map((value, j) => value + factor * difference[j]!);
      },
      new Float64Array(ROWS * WIDTH),
    );
  }
}

/** The projection of a block alone: out = 1 * y + 0. */
function projection(actions: Actions): Plan {
  const builder = new PlanBuilder('projection');
  const none = new Set<string>();
  const cache = { form: 'input', split: none, fused: none, rank: () => 0, factorPrefix: '' } as const;
  const emitter = new LayerEmitter({ builder, cache }, ROWS);
  emitter.emit(
    actingLayer(PROJ, actions),
    builder.input('x', ROWS, WIDTH),
    builder.output('out', ROWS, WIDTH),
    {
      epilogue: 'gateResidual',
      gate: builder.input('ones', 1, WIDTH),
      residual: builder.input('zeros', ROWS, WIDTH),
    },
  );
  return builder.build();
}

for (const { name: backend, available, detail } of backends())
  describe(`series on ${backend}`, { skip: !available && detail }, () => {
    for (const [basis, order] of CASES)
      test(`${basis}, order ${order}`, async () => {
        const random = new Random(3);
        const [weight, bias] = [random.normals(WIDTH * WIDTH, 0.2), random.normals(WIDTH)];
        const schedule = Schedule.fromSteps(scheduleLayers(NETWORK, 'sublayer'), STEPS, COMPUTED);
        const reused = stepActions(NETWORK, schedule, () => 'reuse');
        const steps = withCombinations(NETWORK, reused, seriesOf('reuse', order, basis));
        const expected: Continued = basis === 'taylor' ? new Series(order) : new Polynomial(order);
        const device = await openDevice(backend, { threads: 2, weights: 'f32' });
        const weights = device.loadWeights({ read: (name) => (name.endsWith('bias') ? bias : weight) });
        const tensors = new Map<string, DeviceTensor>();
        for (const [step, actions] of steps.entries()) {
          const plan = projection(actions);
          for (const { name, role, type, rows, columns } of plan.buffers)
            if (role !== 'weight' && role !== 'temporary' && !tensors.has(name))
              tensors.set(name, device.allocate(rows, columns, type));
          const x = random.normals(ROWS * WIDTH);
          await tensors.get('x')?.write(x);
          await tensors.get('ones')!.write(new Float32Array(WIDTH).fill(1));
          await tensors.get('out')!.write(new Float32Array(ROWS * WIDTH).fill(Number.NaN));
          const executable = await device.compile(plan, { weights, tensors });
          await executable.run();
          executable.dispose();
          const computed = COMPUTED.includes(step);
          if (computed) expected.compute(step, linear(x, weight, bias));
          assertClose(
            await tensors.get('out')!.read(),
            expected.extrapolate(step),
            1e-5,
            `${computed ? 'computed' : 'extrapolated'} at step ${step}`,
          );
        }
        await device.dispose();
      });
  });

function linear(x: Float32Array, weight: Float32Array, bias: Float32Array): Float64Array {
  return Float64Array.from({ length: ROWS * WIDTH }, (_, place) => {
    const [row, column] = [Math.floor(place / WIDTH), place % WIDTH];
    let sum = bias[column]!;
    for (let k = 0; k < WIDTH; k++) sum += x[row * WIDTH + k]! * weight[column * WIDTH + k]!;
    return sum;
  });
}
