import type { LinearCombinationOp } from '../../../plan/types.js';
import type { Lowering } from '../lowering.js';

export function linearCombination({ terms, out }: LinearCombinationOp, at: Lowering): void {
  const x = (i: number) => at.optional(terms[i]?.x);
  const c = (i: number) => terms[i]?.coefficient ?? 0;
  at.run(
    'linearCombination',
    at.matrix(out),
    { x0: x(0), x1: x(1), x2: x(2), x3: x(3) },
    { c0: c(0), c1: c(1), c2: c(2), c3: c(3) },
  );
}
