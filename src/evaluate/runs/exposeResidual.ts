/** Makes the plans of steps show the residual stream behind every sublayer, whatever the cache policy has made of it. */
import type { StepOptions } from '../../models/network.js';
import { copyOp } from '../../plan/builder.js';

/** Name of the output that holds the stream behind a sublayer, tokens of all sequences x hidden. */
export function residualOutput(sublayer: string): string {
  return `residual.${sublayer}`;
}

export const exposeResidual: NonNullable<StepOptions['onSublayer']> = (builder, sublayer, stream) => {
  const out = builder.output(residualOutput(sublayer), stream.rows, stream.columns);
  builder.append(copyOp(stream, out));
};
