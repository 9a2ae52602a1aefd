import type { ChannelStatisticsOp } from '../../../plan/types.js';
import type { Lowering } from '../lowering.js';

export function channelStatistics({ x, previous, out }: ChannelStatisticsOp, at: Lowering): void {
  const operands = { x: at.matrix(x), previous: at.optional(previous) };
  at.run('channelStatistics', at.matrix(out), operands, { tokens: x.rows / out.rows });
}
