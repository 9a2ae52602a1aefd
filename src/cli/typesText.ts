import type { Dtype } from '../weights/dtypes.js';

/** How many tensors have which type, as in `31 F16, 1 F32`. */
export function typesText(types: readonly Dtype[]): string {
  const counts = new Map<Dtype, number>();
  for (const type of types) counts.set(type, (counts.get(type) ?? 0) + 1);
  return [...counts].map(([type, count]) => `${count} ${type}`).join(', ');
}
