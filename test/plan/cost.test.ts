import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PlanBuilder } from '../../src/plan/builder.js';
import { type Cost, costByLayer, costByOp, planCost } from '../../src/plan/cost.js';
import type { FloatType } from '../../src/plan/types.js';
import { allPlans } from '../support/plans.js';

test('costs by layer and by operation add up to the plan', () => {
  for (const plan of allPlans()) {
    const total = planCost(plan);
    assert.ok(total.macs > 0 && total.bytes > 0);
    for (const parts of [costByLayer(plan), costByOp(plan)]) {
      const sum = (field: keyof Cost) => [...parts.values()].reduce((all, cost) => all + cost[field], 0);
      assert.deepEqual({ macs: sum('macs'), bytes: sum('bytes') }, total);
    }
  }
});

test('bytes are those of the types of the operands', () => {
  const bytesOf = (activations: FloatType) => {
    const b = new PlanBuilder('cost');
    const hidden = b.temporary(6, 5, activations);
    b.append({
      op: 'linear',
      x: b.input('x', 6, 4),
      weight: b.weight('w', 5, 4),
      epilogue: 'none',
      out: hidden,
    });
    b.append({ op: 'silu', x: hidden, out: b.state('y', 6, 5, activations) });
    return planCost(b.build()).bytes;
  };
  assert.equal(bytesOf('f32'), (24 + 20 + 3 * 30) * 4);
  assert.equal(bytesOf('bf16'), (24 + 20) * 4 + 3 * 30 * 2);
});

test('of a table only the rows that are asked for move', () => {
  const b = new PlanBuilder('gather');
  b.append({
    op: 'gatherRows',
    table: b.state('table', 100, 7),
    index: b.input('index', 3, 1, 'i32'),
    out: b.output('out', 3, 7),
  });
  assert.equal(planCost(b.build()).bytes, 4 * (3 * 7 + 3 + 3 * 7));
});

test('a calibrated MLP costs what its two linears cost', () => {
  const [M, K, H, N, r1, r2] = [6, 8, 32, 10, 3, 2];
  const b = new PlanBuilder('mlp');
  const x = b.input('x', M, K);
  b.append({
    op: 'calibratedMlp',
    x,
    cachedInput: b.state('c', M, K),
    cachedPreActivation: b.state('y1', M, H),
    cachedOutput: b.state('y2', M, N),
    factors: [
      { down: b.weight('down1', r1, K), up: b.weight('up1', H, r1) },
      { down: b.weight('down2', r2, H), up: b.weight('up2', N, r2) },
    ],
    epilogue: 'none',
    out: b.output('out', M, N),
  });
  const { macs, bytes } = planCost(b.build());
  assert.equal(macs, M * (r1 * (K + H) + r2 * (H + N)));
  assert.equal(bytes, 4 * (M * (2 * K + H + 2 * N) + r1 * (K + H) + r2 * (H + N)));
});
