/** Makes a step's plan show its residual stream, which it updates in place, after every sublayer. */
import type { DiTConfig } from '../models/config.js';
import type { Plan, PlanBuffer, PlanStep, View } from '../plan/types.js';

/** Name of the output that holds the stream (of all sequences, in some order of its own) behind a sublayer. */
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
export function exposeResidual(plan: Plan, config: DiTConfig): Plan {
  const buffers: PlanBuffer[] = [...plan.buffers];
  const ops = plan.ops.flatMap((step): PlanStep[] => {
    const sublayer = endsSublayer(step);
    if (sublayer === undefined) return [step];
    const x = (step.op as { out: View }).out;
    // There is no plain copy; the inverse of patchify with patches of one token is one, in another order.
    const side = config.inputSize / config.patchSize;
    const geometry = { channels: config.hiddenSize, height: side, width: side, patch: 1 };
    const [rows, columns] = [x.rows / side ** 2, config.hiddenSize * side ** 2];
    const out = { buffer: buffers.length, row: 0, rows, column: 0, columns };
    buffers.push({ name: residualOutput(sublayer), role: 'output', type: 'f32', rows, columns });
    return [step, { layer: sublayer, op: { op: 'unpatchify', x, ...geometry, out } }];
  });
  return { ...plan, buffers, ops };
}

function endsSublayer({ layer, op }: PlanStep): string | undefined {
  const gated = op.op === 'gateResidual' || ('epilogue' in op && op.epilogue === 'gateResidual');
  const [, block, part] = /^(blocks\.\d+)\.(\w+)$/.exec(layer) ?? [];
  if (!gated || block === undefined) return undefined;
  return `${block}.${part === 'proj' ? 'attention' : 'mlp'}`;
}
