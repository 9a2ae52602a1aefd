import { PlanBuilder } from '../../src/plan/builder.js';
import type { FloatType, Plan } from '../../src/plan/types.js';
import { type KernelCase, type Level, thirds } from './case.js';

interface Heads {
  readonly model: string;
  readonly heads: number;
  readonly headDim: number;
}

/** The two head widths of the DiT sizes: 64, and 72 of XL. */
const HEADS: readonly Heads[] = [
  { model: 'XL/2', heads: 16, headDim: 72 },
  { model: 'S/2', heads: 6, headDim: 64 },
];
/** Images of 128 to 512 pixels. */
const TOKENS = [64, 128, 256, 512, 1024];

/** Self-attention of a block, on the columns of a fused qkv. */
export function attention(): KernelCase[] {
  return HEADS.flatMap((heads) =>
    TOKENS.map((tokens) => ({
      kernel: 'attention',
      shape: `${heads.model} ${tokens} tokens, ${heads.heads} heads of ${heads.headDim}`,
      level: levelOf(heads, tokens),
      plan: (type) => attentionPlan(heads, tokens, type),
    })),
  );
}

function levelOf({ headDim }: Heads, tokens: number): Level {
  if (tokens === 256) return headDim === 72 ? 'quick' : 'default';
  return tokens === 64 || tokens === 1024 ? 'default' : 'full';
}

function attentionPlan({ heads, headDim }: Heads, tokens: number, type: FloatType): Plan {
  const b = new PlanBuilder(`attention ${tokens} ${heads} ${headDim}`);
  const width = heads * headDim;
  const [q, k, v] = thirds(b.state('qkv', tokens, 3 * width, type));
  b.append({
    op: 'attention',
    q,
    k,
    v,
    heads,
    queryLength: tokens,
    keyLength: tokens,
    scale: headDim ** -0.5,
    out: b.state('out', tokens, width, type),
  });
  return b.build();
}
