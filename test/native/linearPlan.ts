import { PlanBuilder } from '../../src/plan/builder.js';
import type { Plan } from '../../src/plan/types.js';

/** y = x W^T, with W of 4 x 6. */
export function linearPlan(): Plan {
  const b = new PlanBuilder('linear');
  const weight = b.weight('w', 4, 6);
  b.append({ op: 'linear', x: b.input('x', 5, 6), weight, epilogue: 'none', out: b.output('y', 5, 4) });
  return b.build();
}
