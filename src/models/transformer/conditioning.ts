/** Numbers, such as the timestep, as vectors. */
import type { PlanBuilder } from '../../plan/builder.js';
import type { View } from '../../plan/types.js';
import { emitLinear } from '../emitLinear.js';
import { FREQUENCY_SIZE } from './config.js';

/** A number of each row (x: rows x 1) as a vector: sinusoids, then the MLP whose tensors begin with `name`. */
export function emitEmbedder(
  builder: PlanBuilder,
  name: string,
  x: View,
  out: View,
  maxPeriod = 10000,
): void {
  builder.layer(name);
  const frequencies = builder.temporary(x.rows, FREQUENCY_SIZE);
  const hidden = builder.temporary(x.rows, out.columns);
  builder.append({ op: 'timestepEmbedding', x, maxPeriod, out: frequencies });
  emitLinear(builder, `${name}.mlp.0`, frequencies, hidden, 'silu');
  emitLinear(builder, `${name}.mlp.2`, hidden, out);
}
