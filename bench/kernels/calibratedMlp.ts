import type { CacheForm } from '../../src/models/layers/actions.js';
import { PlanBuilder } from '../../src/plan/builder.js';
import type { FloatType, Plan } from '../../src/plan/types.js';
import { FORMS, RANKS, USUAL_RANK } from './calibratedLinear.js';
import type { KernelCase, Level } from './case.js';
import { type ModelShape, modelShapes } from './models.js';

/** The calibrated MLP in both forms, beside fc1, GELU and fc2 in full. */
export function calibratedMlp(): KernelCase[] {
  return Object.values(modelShapes()).flatMap((model) =>
    FORMS.flatMap((form) =>
      RANKS.filter((rank) => rank < model.hidden).map((rank) => ({
        kernel: 'calibratedMlp',
        shape: `${model.name} ${model.tokens} x ${model.hidden} -> ${rank} -> ${model.mlp} -> ${rank} -> ${model.hidden}, ${form} form`,
        level: levelOf(model, form, rank),
        plan: (type) => calibratedPlan(model, form, rank, type),
        replaces: (type) => mlpPlan(model, type),
      })),
    ),
  );
}

function levelOf({ name }: ModelShape, form: CacheForm, rank: number): Level {
  if (rank !== USUAL_RANK[name]) return 'full';
  if (name === 'XL/2') return form === 'input' ? 'quick' : 'default';
  return form === 'input' ? 'default' : 'full';
}

function calibratedPlan(
  { tokens, hidden, mlp }: ModelShape,
  form: CacheForm,
  rank: number,
  type: FloatType,
): Plan {
  const b = new PlanBuilder(`calibratedMlp ${tokens} ${hidden} ${rank} ${mlp} ${form}`);
  const cached =
    form === 'input'
      ? { cachedInput: b.state('cachedInput', tokens, hidden, type) }
      : { cachedHidden: b.state('cachedHidden', tokens, rank) };
  b.append({
    op: 'calibratedMlp',
    x: b.state('x', tokens, hidden, type),
    ...cached,
    cachedPreActivation: b.state('cachedPreActivation', tokens, mlp, type),
    cachedOutput: b.state('cachedOutput', tokens, hidden, type),
    factors: [
      { down: b.weight('fc1.down', rank, hidden), up: b.weight('fc1.up', mlp, rank) },
      { down: b.weight('fc2.down', rank, mlp), up: b.weight('fc2.up', hidden, rank) },
    ],
    epilogue: 'none',
    out: b.state('out', tokens, hidden, type),
  });
  return b.build();
}

function mlpPlan({ tokens, hidden, mlp }: ModelShape, type: FloatType): Plan {
  const b = new PlanBuilder(`mlp ${tokens} ${hidden} ${mlp}`);
  const middle = b.temporary(tokens, mlp, type);
  b.append({
    op: 'linear',
    x: b.state('x', tokens, hidden, type),
    weight: b.weight('fc1.weight', mlp, hidden),
    bias: b.weight('fc1.bias', 1, mlp),
    epilogue: 'gelu',
    out: middle,
  });
  b.append({
    op: 'linear',
    x: middle,
    weight: b.weight('fc2.weight', hidden, mlp),
    bias: b.weight('fc2.bias', 1, hidden),
    epilogue: 'none',
    out: b.state('out', tokens, hidden, type),
  });
  return b.build();
}
