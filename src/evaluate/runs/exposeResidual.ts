/** Makes a step's plan show its residual stream, which it updates in place, after every sublayer. */
import type { DiTConfig } from '../../models/dit/config.js';
import { copyOp } from '../../plan/builder.js';
import type { Plan, PlanBuffer, PlanStep, View } from '../../plan/types.js';

/** Name of the output that holds the stream behind a sublayer, tokens of all sequences x hidden. */
export function residualOutput(sublayer: string): string {
  return `residual.${sublayer}`;
}

/** `blocks.0.attention`, `blocks.0.mlp`, `blocks.1.attention`, ... */
export function sublayers({ depth }: DiTConfig): string[] {
  return Array.from({ length: depth }, (_, block) => [
    `blocks.${block}.attention`,
    `blocks.${block}.mlp`,
  ]).flat();
}

/**
 * The plan with one more output for each sublayer. A sublayer ends in the operation that adds its gated result to
 * the stream, whatever the cache policy has made of it, so that cached and uncached runs can be compared.
 */
export function exposeResidual(plan: Plan): Plan {
  const buffers: PlanBuffer[] = [...plan.buffers];
  const ops = plan.ops.flatMap((step): PlanStep[] => {
    const sublayer = endsSublayer(step);
    if (sublayer === undefined) return [step];
    const x = (step.op as { out: View }).out;
    const { rows, columns } = x;
    const out = { buffer: buffers.length, row: 0, rows, column: 0, columns };
    buffers.push({ name: residualOutput(sublayer), role: 'output', type: 'f32', rows, columns });
    return [step, { layer: sublayer, op: copyOp(x, out) }];
  });
  return { ...plan, buffers, ops };
}

function endsSublayer({ layer, op }: PlanStep): string | undefined {
  const gated = op.op === 'gateResidual' || ('epilogue' in op && op.epilogue === 'gateResidual');
  const [, block, part] = /^(blocks\.\d+)\.(\w+)$/.exec(layer) ?? [];
  if (!gated || block === undefined) return undefined;
  return `${block}.${part === 'proj' ? 'attention' : 'mlp'}`;
}
