import type { ChannelStatisticsOp } from '../../../plan/types.js';
import { matrix, type Operation, type Placement } from '../operation.js';

export function channelStatistics(op: ChannelStatisticsOp, at: Placement): Operation {
  const { rows, columns } = op.x;
  const groups = Math.ceil(columns / 4);
  return {
    kernel: 'channelStatistics',
    tiles: op.out.rows * groups,
    words: [
      ...matrix(op.x, at),
      ...matrix(op.previous, at),
      ...matrix(op.out, at),
      columns,
      rows / op.out.rows,
      groups,
    ],
  };
}
