import type { CacheForm } from '../../src/models/layers/actions.js';
import { PlanBuilder } from '../../src/plan/builder.js';
import type { FloatType, Plan } from '../../src/plan/types.js';
import type { KernelCase, Level } from './case.js';
import { linearPlan } from './linear.js';
import { type LinearShape, linearsOf, type ModelShape, modelShapes } from './models.js';

export const RANKS = [32, 64, 128, 256];
export const FORMS: readonly CacheForm[] = ['input', 'rank'];

/** About a ninth of the width, as 128 is of DiT-XL/2's: the rank that the default run takes. */
export const USUAL_RANK: Readonly<Record<string, number>> = {
  'S/2': 32,
  'B/2': 64,
  'XL/2': 128,
  embedded: 32,
};

/** Calibrated linears in both forms, beside the linears that they replace. */
export function calibratedLinear(): KernelCase[] {
  return Object.values(modelShapes()).flatMap((model) =>
    linearsOf(model).flatMap((shape) =>
      FORMS.flatMap((form) =>
        RANKS.filter((rank) => rank < model.hidden).map((rank) => caseOf(model, shape, form, rank)),
      ),
    ),
  );
}

function caseOf(model: ModelShape, shape: LinearShape, form: CacheForm, rank: number): KernelCase {
  const { tokens, name } = model;
  return {
    kernel: 'calibratedLinear',
    shape: `${name} ${shape.name} ${tokens} x ${shape.depth} -> ${rank} -> ${shape.columns}, ${form} form`,
    level: levelOf(model, shape, form, rank),
    plan: (type) => calibratedPlan(tokens, shape, form, rank, type),
    replaces: (type) => linearPlan(tokens, shape, type),
  };
}

/** Every rank of one layer; every layer, form and model at the usual rank of each. */
function levelOf(model: ModelShape, { name }: LinearShape, form: CacheForm, rank: number): Level {
  const usual = rank === USUAL_RANK[model.name];
  if (model.name !== 'XL/2') return usual && name === 'fc1' && form === 'input' ? 'default' : 'full';
  if (name === 'fc1') return usual ? 'quick' : form === 'input' ? 'default' : 'full';
  return usual && name !== 'qkv' && form === 'input' ? 'default' : 'full';
}

/** `rank` of each part. */
function calibratedPlan(
  rows: number,
  { name, depth, columns, parts }: LinearShape,
  form: CacheForm,
  rank: number,
  type: FloatType,
): Plan {
  const b = new PlanBuilder(`calibratedLinear ${name} ${rows} ${depth} ${rank} ${columns} ${form}`);
  const cached =
    form === 'input'
      ? { cachedInput: b.state('cachedInput', rows, depth, type) }
      : { cachedHidden: b.state('cachedHidden', rows, parts * rank) };
  b.append({
    op: 'calibratedLinear',
    x: b.state('x', rows, depth, type),
    ...cached,
    cachedOutput: b.state('cachedOutput', rows, columns, type),
    factors: Array.from({ length: parts }, (_, part) => ({
      down: b.weight(`${part}.down`, rank, depth),
      up: b.weight(`${part}.up`, columns / parts, rank),
    })),
    epilogue: 'none',
    out: b.state('out', rows, columns, type),
  });
  return b.build();
}
