import { PlanBuilder } from '../../src/plan/builder.js';
import type { FloatType, NormOp, Plan } from '../../src/plan/types.js';
import type { KernelCase, Level } from './case.js';

interface NormShape {
  readonly name: string;
  readonly kind: NormOp['kind'];
  readonly rows: number;
  readonly columns: number;
  readonly span: number;
  readonly groups: number;
  readonly epilogue: NormOp['epilogue'];
  readonly level: Level;
}

/** Group norms of Stable Diffusion's decoder, and norms of rows and of heads. */
const SHAPES: readonly NormShape[] = [
  image('group norm', 64, 512, 'none', 'quick'),
  image('group norm', 256, 128, 'none', 'quick'),
  image('group norm and SiLU', 256, 128, 'silu', 'default'),
  row('layer norm', 'layer', 1024, 1152, 1),
  row('RMS norm of 16 heads', 'rms', 1024, 1152, 16),
];

function image(
  name: string,
  size: number,
  columns: number,
  epilogue: NormOp['epilogue'],
  level: Level,
): NormShape {
  const rows = size * size;
  return { name, kind: 'layer', rows, columns, span: rows, groups: 32, epilogue, level };
}

function row(name: string, kind: NormOp['kind'], rows: number, columns: number, groups: number): NormShape {
  return { name, kind, rows, columns, span: 1, groups, epilogue: 'none', level: 'default' };
}

export function norm(): KernelCase[] {
  return SHAPES.map((shape) => ({
    kernel: 'norm',
    shape: `${shape.name}, ${shape.rows} x ${shape.columns}`,
    level: shape.level,
    plan: (type) => normPlan(shape, type),
  }));
}

function normPlan({ kind, rows, columns, span, groups, epilogue }: NormShape, type: FloatType): Plan {
  const b = new PlanBuilder(`norm ${kind} ${rows} ${columns} ${span} ${groups}`);
  b.append({
    op: 'norm',
    kind,
    x: b.state('x', rows, columns, type),
    span,
    groups,
    epsilon: 1e-6,
    gain: b.weight('gain', 1, columns),
    bias: b.weight('bias', 1, columns),
    epilogue,
    out: b.state('out', rows, columns, type),
  });
  return b.build();
}
