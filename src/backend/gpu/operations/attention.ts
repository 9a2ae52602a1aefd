import type { AttentionOp } from '../../../plan/types.js';
import type { Lowering } from '../lowering.js';
import { attentionDispatch, MOST_WIDTH } from '../wgsl/attention.js';

export function attention(op: AttentionOp, at: Lowering): void {
  const isNarrow = op.q.columns / op.heads <= MOST_WIDTH;
  if (at.forms.products !== 'translated' && isNarrow) at.add(attentionDispatch(op, at.forms.products, at));
  else translatedAttention(op, at);
}

/** All scores, then the sums of each row, then the values. */
function translatedAttention(op: AttentionOp, at: Lowering): void {
  const { heads, queryLength, keyLength, scale } = op;
  const width = op.q.columns / heads;
  const rows = op.q.rows * heads;
  const causal = Number(op.mask === 'causal');
  const keyLengths = at.optional(op.keyLengths);
  const allKeys = op.keyLengths ? 0 : keyLength;
  const all = at.scratch(0, rows, keyLength);
  const sums = at.scratch(1, rows, 2);
  const biases = { bias: at.optional(op.bias), keyBias: at.optional(op.keyBias) };
  at.run(
    'scores',
    all,
    { q: at.matrix(op.q), k: at.matrix(op.k), ...biases },
    { heads, queryLength, keyLength, width, scale },
  );
  at.run(
    'softmaxSums',
    sums,
    { scores: all, keyLengths },
    { allKeys, rowsPerImage: heads * queryLength, queryLength, causal },
  );
  at.run(
    'attend',
    at.matrix(op.out),
    { scores: all, sums, v: at.matrix(op.v), keyLengths },
    { allKeys, heads, queryLength, keyLength, width, causal },
  );
}
