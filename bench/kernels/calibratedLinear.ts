import { PlanBuilder } from '../../src/plan/builder.js';
import type { Plan } from '../../src/plan/types.js';
import { type KernelCase, SHAPES, TOKENS } from './case.js';
import { linearPlan } from './linear.js';

const RANKS = [128, 192];

/** Calibrated linears in the input form, beside the linears that they replace. */
export function calibratedLinear(): KernelCase[] {
  return RANKS.flatMap((rank) =>
    SHAPES.map(({ name, depth, columns }) => ({
      kernel: 'calibratedLinear',
      shape: `${name} ${TOKENS} x ${depth} -> ${rank} -> ${columns}`,
      flops: 2 * TOKENS * rank * (depth + columns),
      plan: calibratedPlan(depth, rank, columns),
      replaces: {
        plan: linearPlan(depth, columns),
        share: (rank * (depth + columns)) / (depth * columns),
      },
    })),
  );
}

function calibratedPlan(depth: number, rank: number, columns: number): Plan {
  const b = new PlanBuilder(`calibratedLinear ${depth} ${rank} ${columns}`);
  b.append({
    op: 'calibratedLinear',
    x: b.input('x', TOKENS, depth),
    cachedInput: b.input('cachedInput', TOKENS, depth),
    cachedOutput: b.input('cachedOutput', TOKENS, columns),
    factors: [{ down: b.weight('down', rank, depth), up: b.weight('up', columns, rank) }],
    epilogue: 'none',
    out: b.output('out', TOKENS, columns),
  });
  return b.build();
}
