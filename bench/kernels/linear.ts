import { PlanBuilder } from '../../src/plan/builder.js';
import type { FloatType, Plan } from '../../src/plan/types.js';
import type { KernelCase, Level } from './case.js';
import { type LinearShape, linearsOf, type ModelShape, modelShapes } from './models.js';
import { matMulModel } from './rivals.js';

/** Every linear of a block on the tokens of one image. */
export function linear(): KernelCase[] {
  return Object.values(modelShapes()).flatMap((model) =>
    linearsOf(model).map((shape) => {
      const { depth, columns } = shape;
      return {
        kernel: 'linear',
        shape: `${model.name} ${shape.name} ${model.tokens} x ${depth} -> ${columns}`,
        level: levelOf(model, shape),
        plan: (type) => linearPlan(model.tokens, shape, type),
        rival: () => matMulModel(model.tokens, depth, columns),
      };
    }),
  );
}

/** All of the widest model, of the others the one with the most outputs. */
function levelOf(model: ModelShape, { name }: LinearShape): Level {
  if (name === 'fc1') return model.name === 'XL/2' ? 'quick' : 'default';
  return model.name === 'XL/2' && name !== 'qkv' ? 'default' : 'full';
}

export function linearPlan(rows: number, { name, depth, columns }: LinearShape, type: FloatType): Plan {
  const b = new PlanBuilder(`linear ${name} ${rows} ${depth} ${columns}`);
  b.append({
    op: 'linear',
    x: b.state('x', rows, depth, type),
    weight: b.weight('weight', columns, depth),
    bias: b.weight('bias', 1, columns),
    epilogue: 'none',
    out: b.state('out', rows, columns, type),
  });
  return b.build();
}
