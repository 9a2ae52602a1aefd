import { IncacheError } from '../errors.js';
import { sharedNameClash } from '../plan/aliasing.js';
import type { Plan, PlanBuffer } from '../plan/types.js';
import type { DeviceTensor, PlanBindings } from './backend.js';

/**
 * The tensor of every `input`, `output` and `state` buffer, by its place; undefined for those of other roles. Throws when one is
 * missing or misshapen, and when one that is bound to several names is written so that the plan would mean something else.
 */
export function bindTensors(plan: Plan, bindings: PlanBindings): (DeviceTensor | undefined)[] {
  const tensors = plan.buffers.map((buffer) =>
    buffer.role === 'weight' || buffer.role === 'temporary' ? undefined : bindTensor(buffer, bindings),
  );
  const first = new Map<DeviceTensor, number>();
  const owner = tensors.map((tensor, id) => {
    if (!tensor) return id;
    if (!first.has(tensor)) first.set(tensor, id);
    return first.get(tensor)!;
  });
  const clash = sharedNameClash(plan, owner);
  if (clash)
    throw new IncacheError(
      `one tensor is bound to '${clash.written}', which is written, and to '${clash.other}' (op ${clash.place} of plan '${plan.name}'); expected two tensors`,
    );
  return tensors;
}

/** The tensor bound to an `input`, `output` or `state` buffer; throws when it is missing or misshapen. */
function bindTensor(buffer: PlanBuffer, { tensors }: PlanBindings): DeviceTensor {
  const tensor = tensors.get(buffer.name);
  if (!tensor) throw new IncacheError(`no tensor is bound to ${buffer.role} '${buffer.name}'`);
  const { rows, columns, type } = tensor;
  if (rows !== buffer.rows || columns !== buffer.columns || type !== buffer.type)
    throw new IncacheError(
      `the tensor bound to ${buffer.role} '${buffer.name}' is ${type} ${rows} x ${columns}; expected ${buffer.type} ${buffer.rows} x ${buffer.columns}`,
    );
  return tensor;
}
