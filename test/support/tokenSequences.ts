import type { SafetensorsFile } from '../../src/weights/safetensors.js';

/** The recorded token ids and masks, [prompts, tokens], as the encoder takes them. `suffix` is that of the tensors' names. */
export function sequencesOf(golden: SafetensorsFile, suffix: string, maskName = 'attention_mask') {
  const { shape } = golden.entry(`input_ids${suffix}`);
  const [count, length] = [shape[0]!, shape[1]!];
  const ids = Int32Array.from(golden.read(`input_ids${suffix}`));
  const mask = golden.read(`${maskName}${suffix}`);
  return Array.from({ length: count }, (_, i) => ({
    ids: ids.slice(i * length, (i + 1) * length),
    length: mask.subarray(i * length, (i + 1) * length).reduce((sum, one) => sum + one, 0),
  }));
}
