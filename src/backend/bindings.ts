import { IncacheError } from '../errors.js';
import type { PlanBuffer } from '../plan/types.js';
import type { DeviceTensor, PlanBindings } from './backend.js';

/** The tensor bound to an `input`, `output` or `state` buffer; throws when it is missing or misshapen. */
export function bindTensor(buffer: PlanBuffer, { tensors }: PlanBindings): DeviceTensor {
  const tensor = tensors.get(buffer.name);
  if (!tensor) throw new IncacheError(`no tensor is bound to ${buffer.role} '${buffer.name}'`);
  const { rows, columns, type } = tensor;
  if (rows !== buffer.rows || columns !== buffer.columns || type !== buffer.type)
    throw new IncacheError(
      `the tensor bound to ${buffer.role} '${buffer.name}' is ${type} ${rows} x ${columns}; expected ${buffer.type} ${buffer.rows} x ${buffer.columns}`,
    );
  return tensor;
}
