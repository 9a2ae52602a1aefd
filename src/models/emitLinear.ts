import type { PlanBuilder } from '../plan/builder.js';
import type { View } from '../plan/types.js';

/** x W^T + b with the checkpoint's `<name>.weight` and `<name>.bias`: a linear layer that no cache is worth. */
export function emitLinear(
  builder: PlanBuilder,
  name: string,
  x: View,
  out: View,
  epilogue: 'none' | 'silu' | 'gelu' = 'none',
): void {
  const weight = builder.weight(`${name}.weight`, out.columns, x.columns);
  const bias = builder.weight(`${name}.bias`, 1, out.columns);
  builder.append({ op: 'linear', x, weight, bias, epilogue, out });
}
