import { PlanBuilder, sliceColumns } from '../../src/plan/builder.js';
import type { Plan, View } from '../../src/plan/types.js';
import { type KernelCase, TOKENS } from './case.js';

const HEADS = 16;
const HEAD_DIM = 72;

/** Self-attention of a DiT-XL/2 block, on the columns of a fused qkv, for images of 256 and 512 pixels. */
export function attention(): KernelCase[] {
  return [TOKENS, 4 * TOKENS].map((tokens) => ({
    kernel: 'attention',
    shape: `${tokens} tokens, ${HEADS} heads of ${HEAD_DIM}`,
    flops: 4 * tokens * tokens * HEADS * HEAD_DIM,
    plan: attentionPlan(tokens),
  }));
}

function attentionPlan(tokens: number): Plan {
  const b = new PlanBuilder(`attention ${tokens}`);
  const width = HEADS * HEAD_DIM;
  const qkv = b.input('qkv', tokens, 3 * width);
  const [q, k, v] = [0, 1, 2].map((i) => sliceColumns(qkv, i * width, width)) as [View, View, View];
  b.append({
    op: 'attention',
    q,
    k,
    v,
    heads: HEADS,
    queryLength: tokens,
    keyLength: tokens,
    scale: HEAD_DIM ** -0.5,
    out: b.output('out', tokens, width),
  });
  return b.build();
}
