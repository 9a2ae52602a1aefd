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

/** Self-attention of a block, and of a decoder, on the columns of a fused qkv. */
export function attention(): KernelCase[] {
  return [...ofModels(), ...ofDecoder()];
}

/** The single wide head of a decoder of images, over the pixels of 256 and 512 pixels' latents. */
function ofDecoder(): KernelCase[] {
  const heads = { model: 'VAE', heads: 1, headDim: 512 };
  return [1024, 4096].map((tokens) => caseOf(heads, tokens, 'default'));
}

function ofModels(): KernelCase[] {
  return HEADS.flatMap((heads) => TOKENS.map((tokens) => caseOf(heads, tokens, levelOf(heads, tokens))));
}

function caseOf(heads: Heads, tokens: number, level: Level): KernelCase {
  return {
    kernel: 'attention',
    shape: `${heads.model} ${tokens} tokens, ${heads.heads} ${heads.heads > 1 ? 'heads' : 'head'} of ${heads.headDim}`,
    level,
    plan: (type) => attentionPlan(heads, tokens, type),
  };
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
