import { type FactorMethod, scaledFactors } from '../../src/calibrate/factors.js';
import type { DenoiserCheckpoint } from '../../src/engine/checkpoint.js';
import type { SafetensorsFile } from '../../src/weights/safetensors.js';

/** Which recorded sensitivities scale the inputs (rwtv) and the outputs (lwtv) of each method. */
const SCALES: Partial<Record<FactorMethod, { family: string; input: boolean; output: boolean }>> = {
  ca: { family: 'mag', input: true, output: true },
  cd: { family: 'delta_mag', input: true, output: true },
  cd_i: { family: 'delta_mag', input: true, output: false },
  cd_o: { family: 'delta_mag', input: false, output: true },
};

/** Our factors from the authors' sensitivities, as weights `factors.blocks.0.q.down` and so on. */
export function goldenFactors(
  checkpoint: DenoiserCheckpoint,
  sensitivity: SafetensorsFile,
  method: FactorMethod,
  rank: number,
): Map<string, Float32Array> {
  const factors = new Map<string, Float32Array>();
  const scales = SCALES[method];
  for (const { name, kind, inputs: columns, outputs: rows } of checkpoint.network.layers) {
    const block = Number(name.split('.')[1]);
    const vector = (side: string) => sensitivity.read(`${scales?.family}.block${block}.${kind}_${side}`);
    const { up, down } = scaledFactors({
      weight: linearWeight(checkpoint, block, kind),
      rows,
      columns,
      rank,
      ...(scales?.input && { inputScale: vector('rwtv') }),
      ...(scales?.output && { outputScale: vector('lwtv') }),
    });
    factors.set(`factors.${name}.up`, up);
    factors.set(`factors.${name}.down`, down);
  }
  return factors;
}

function linearWeight(checkpoint: DenoiserCheckpoint, block: number, linear: string): Float32Array {
  const part = ['q', 'k', 'v'].indexOf(linear);
  if (part < 0)
    return checkpoint.read(`blocks.${block}.${linear === 'proj' ? 'attn' : 'mlp'}.${linear}.weight`);
  const qkv = checkpoint.read(`blocks.${block}.attn.qkv.weight`);
  return qkv.subarray((part * qkv.length) / 3, ((part + 1) * qkv.length) / 3);
}
