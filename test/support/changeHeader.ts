/** Model files whose header says something else than `incache export` wrote. */
import { SafetensorsFile, writeSafetensors } from '../../src/weights/safetensors.js';

// biome-ignore lint/suspicious/noExplicitAny: what is no header is the point.
export type AnyHeader = any;

/** Writes the model file `from` to `to` with a header that `change` has changed. */
export function changeHeader(from: string, to: string, change: (header: AnyHeader) => void): void {
  using file = SafetensorsFile.open(from);
  const header = JSON.parse(file.metadata.incache!);
  change(header);
  const tensors = file.names.map((name) => {
    const { dtype, shape } = file.entry(name);
    return { name, dtype, shape, data: () => file.bytes(name) };
  });
  writeSafetensors(to, tensors, { incache: JSON.stringify(header) });
}

/** Gives a buffer of a plan another name. */
export function rename(plan: AnyHeader, from: string, to: string): void {
  for (const buffer of plan.buffers) if (buffer.name === from) buffer.name = to;
}
