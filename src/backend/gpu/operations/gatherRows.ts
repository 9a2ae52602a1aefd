import type { GatherRowsOp } from '../../../plan/types.js';
import type { Lowering } from '../lowering.js';

export function gatherRows({ table, index, out }: GatherRowsOp, at: Lowering): void {
  at.run('gatherRows', at.matrix(out), { table: at.matrix(table), index: at.matrix(index) }, {});
}
