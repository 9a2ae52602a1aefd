import { PlanBuilder } from '../../src/plan/builder.js';
import type { FloatType, Plan } from '../../src/plan/types.js';
import type { KernelCase } from './case.js';
import { type ModelShape, modelShapes } from './models.js';

/** The layer norm with shift and scale on the tokens of one image: bound by memory, not by arithmetic. */
export function layerNormModulate(): KernelCase[] {
  return Object.values(modelShapes()).map((model) => ({
    kernel: 'layerNormModulate',
    shape: `${model.name} ${model.tokens} x ${model.hidden}`,
    level: model.name === 'XL/2' ? 'quick' : 'default',
    plan: (type) => layerNormPlan(model, type),
  }));
}

/** The residual stream, which is read, is float32 on every device. */
function layerNormPlan({ tokens, hidden }: ModelShape, type: FloatType): Plan {
  const b = new PlanBuilder(`layerNormModulate ${tokens} ${hidden}`);
  b.append({
    op: 'layerNormModulate',
    x: b.state('x', tokens, hidden),
    shift: b.input('shift', 1, hidden),
    scale: b.input('scale', 1, hidden),
    epsilon: 1e-6,
    out: b.state('out', tokens, hidden, type),
  });
  return b.build();
}
