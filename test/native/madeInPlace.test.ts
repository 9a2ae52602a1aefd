/**
 * Combinations that one operation alone reads are made block by block by the tasks that read them (cpp/cpu/made.h). What comes
 * out has the bits of combinations that are made before, whatever the number of threads.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { openDevice } from '../../src/backend/choose.js';
import { PlanBuilder } from '../../src/plan/builder.js';
import type { Op, Plan, View } from '../../src/plan/types.js';
import { assertClose } from '../support/compare.js';
import { Random } from '../support/random.js';
import { runPlan } from '../support/runPlan.js';
import { SKIP } from './present.js';

/** Rows of a few blocks and a part of one; columns that fit no tile and no segment. */
const [ROWS, INPUTS, MIDDLE, OUTPUTS] = [203, 131, 530, 517];

/** Where combinations lie: only temporaries are made by the task that reads them. */
type Role = 'temporary' | 'state';

class CombinedPlan {
  readonly builder = new PlanBuilder('combined');
  #named = 0;

  constructor(readonly role: Role) {}

  input(rows: number, columns: number): View {
    return this.builder.input(`x${this.#named++}`, rows, columns);
  }

  /** Of inputs. */
  combined(columns: number, terms: number): View {
    const from = Array.from({ length: terms }, (_, i) => ({
      x: this.input(ROWS, columns),
      coefficient: [1.9, -1.2, 0.4, -0.1][i]!,
    }));
    return this.combination(columns, from);
  }

  combination(columns: number, terms: { x: View; coefficient: number }[]): View {
    const { builder } = this;
    const out =
      this.role === 'temporary'
        ? builder.temporary(ROWS, columns)
        : builder.state(`c${this.#named++}`, ROWS, columns);
    builder.append({ op: 'linearCombination', terms, out });
    return out;
  }

  factor(inputs: number, outputs: number, rank: number) {
    const name = `f${this.#named++}`;
    return {
      down: this.builder.weight(`${name}.down`, rank, inputs),
      up: this.builder.weight(`${name}.up`, outputs, rank),
    };
  }

  end(op: Op): Plan {
    this.builder.append(op);
    return this.builder.build();
  }

  out(columns: number): View {
    return this.builder.output('out', ROWS, columns);
  }
}

const PLANS: Readonly<Record<string, (plan: CombinedPlan) => Plan>> = {
  'calibratedLinear, input form': (p) =>
    p.end({
      op: 'calibratedLinear',
      cachedInput: p.combined(INPUTS, 4),
      cachedOutput: p.combined(OUTPUTS, 3),
      x: p.input(ROWS, INPUTS),
      factors: [p.factor(INPUTS, 400, 9), p.factor(INPUTS, 117, 30)],
      epilogue: 'gelu',
      out: p.out(OUTPUTS),
    }),
  'calibratedLinear, rank form': (p) =>
    p.end({
      op: 'calibratedLinear',
      cachedHidden: p.combined(39, 2),
      cachedOutput: p.combined(OUTPUTS, 4),
      x: p.input(ROWS, INPUTS),
      factors: [p.factor(INPUTS, 400, 9), p.factor(INPUTS, 117, 30)],
      epilogue: 'gateResidual',
      gate: p.input(1, OUTPUTS),
      residual: p.input(ROWS, OUTPUTS),
      out: p.out(OUTPUTS),
    }),
  calibratedMlp: (p) =>
    p.end({
      op: 'calibratedMlp',
      cachedInput: p.combined(INPUTS, 1),
      cachedPreActivation: p.combined(MIDDLE, 2),
      cachedOutput: p.combined(OUTPUTS, 1),
      x: p.input(ROWS, INPUTS),
      factors: [p.factor(INPUTS, MIDDLE, 9), p.factor(MIDDLE, OUTPUTS, 30)],
      epilogue: 'none',
      out: p.out(OUTPUTS),
    }),
  gateResidual: (p) =>
    p.end({
      op: 'gateResidual',
      x: p.combined(OUTPUTS, 3),
      gate: p.input(1, OUTPUTS),
      residual: p.input(ROWS, OUTPUTS),
      out: p.out(OUTPUTS),
    }),
  'a combination that two operations read': (p) => {
    const shared = p.combined(INPUTS, 2);
    const x = p.input(ROWS, INPUTS);
    const y = p.builder.temporary(ROWS, INPUTS);
    p.builder.append({ op: 'gateResidual', x: shared, gate: p.input(1, INPUTS), residual: x, out: y });
    return p.end({ op: 'add', x: y, y: shared, out: p.out(INPUTS) });
  },
  'of what the operation overwrites, some rows further': (p) => {
    const all = p.builder.output('out', ROWS + 90, INPUTS);
    const write = (out: View) =>
      p.builder.append({
        op: 'linearCombination',
        terms: [{ x: p.input(ROWS, INPUTS), coefficient: 1 }],
        out,
      });
    const [above, below] = [0, 90].map((row) => ({ ...all, row, rows: ROWS })) as [View, View];
    write(below);
    write(above);
    const x = p.combination(INPUTS, [{ x: below, coefficient: 2 }]);
    const gate = p.input(1, INPUTS);
    return p.end({ op: 'gateResidual', x, gate, residual: p.input(ROWS, INPUTS), out: above });
  },
};

async function resultOf(plan: Plan, backend: 'native' | 'reference', threads: number): Promise<Float32Array> {
  const device = await openDevice(backend, { threads, weights: 'f32' });
  const source = {
    read: (name: string) => new Random(sizeOf(plan, name)).normals(sizeOf(plan, name), 0.1),
  };
  const inputs = plan.buffers.filter(({ role }) => role === 'input');
  const values = inputs.map(({ name, rows, columns }, i) => [name, new Random(i).normals(rows * columns)]);
  const outputs = await runPlan(device, plan, source, Object.fromEntries(values));
  await device.dispose();
  return outputs.get('out')!;
}

function sizeOf({ buffers }: Plan, wanted: string): number {
  const { rows, columns } = buffers.find(({ name }) => name === wanted)!;
  return rows * columns;
}

describe('combinations made where they are read', { skip: SKIP }, () => {
  for (const [name, emit] of Object.entries(PLANS))
    test(name, async () => {
      const before = await resultOf(emit(new CombinedPlan('state')), 'native', 1);
      const plan = emit(new CombinedPlan('temporary'));
      assertClose(before, await resultOf(plan, 'reference', 1), 1e-5, 'native');
      for (const threads of [1, 2, 3])
        assert.deepEqual(await resultOf(plan, 'native', threads), before, `${threads} threads`);
    });
});
