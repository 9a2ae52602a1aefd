import { PlanBuilder } from '../../src/plan/builder.js';
import type { Plan } from '../../src/plan/types.js';
import { type KernelCase, SHAPES, TOKENS } from './case.js';

/** The linears of a DiT-XL/2 block on the tokens of one image. */
export function linear(): KernelCase[] {
  return SHAPES.map(({ name, depth, columns }) => ({
    kernel: 'linear',
    shape: `${name} ${TOKENS} x ${depth} -> ${columns}`,
    flops: 2 * TOKENS * depth * columns,
    plan: linearPlan(depth, columns),
    product: { rows: TOKENS, depth, columns },
  }));
}

export function linearPlan(depth: number, columns: number): Plan {
  const b = new PlanBuilder(`linear ${depth} ${columns}`);
  b.append({
    op: 'linear',
    x: b.input('x', TOKENS, depth),
    weight: b.weight('weight', columns, depth),
    bias: b.weight('bias', 1, columns),
    epilogue: 'none',
    out: b.output('out', TOKENS, columns),
  });
  return b.build();
}
