/**
 * What no kernel can be faster than: of each layer the larger of its arithmetic and its bytes, every tensor moved once, in
 * 16 bits. A block is its linears and its attention, without layer norms; a run is its blocks.
 */
import { namedConfig } from '../../src/models/dit/config.js';
import type { CudaCase } from './row.js';

/** A second. */
export interface Rates {
  readonly flops: number;
  readonly bytes: number;
}

/** Measured on H100s: dense bfloat16 products, and copies. */
export const H100: Rates = { flops: 790e12, bytes: 3.0e12 };

/** None for GPUs whose rates nobody has measured. */
export function ratesOf(device: string): Rates | undefined {
  return /\bH100\b/.test(device) ? H100 : undefined;
}

export const STEPS = 50;

const { hiddenSize: WIDTH, depth: DEPTH } = namedConfig('DiT-XL/2');

interface Layer {
  readonly inputs: number;
  readonly outputs: number;
  /** q, k and v have factors of their own. */
  readonly parts: number;
}

const LAYERS: Readonly<Record<string, Layer>> = {
  qkv: { inputs: WIDTH, outputs: 3 * WIDTH, parts: 3 },
  proj: { inputs: WIDTH, outputs: WIDTH, parts: 1 },
  fc1: { inputs: WIDTH, outputs: 4 * WIDTH, parts: 1 },
  fc2: { inputs: 4 * WIDTH, outputs: WIDTH, parts: 1 },
};

/** Milliseconds; undefined of what has no name here. */
export function floorOf(row: CudaCase, rates: Rates): number | undefined {
  const seconds = secondsOf(row, new Floors(rates, row.sequences * row.tokens, row.tokens, row.rank));
  return seconds === undefined ? undefined : seconds * 1e3;
}

function secondsOf({ level, name, shape }: CudaCase, floors: Floors): number | undefined {
  if (level === 'kernel') return floors.kernel(name, LAYERS[shape]);
  if (level === 'block') return floors.block(name);
  const [, policy, period = 1] = /^(full|reuse|calibrated)(?: p = (\d+))?$/.exec(name) ?? [];
  return policy === undefined ? undefined : floors.run(policy, Number(period));
}

class Floors {
  constructor(
    readonly rates: Rates,
    readonly rows: number,
    readonly tokens: number,
    readonly rank: number,
  ) {}

  kernel(name: string, layer: Layer | undefined): number | undefined {
    if (name === 'attention') return this.attention();
    if (name === 'calibratedMlp') return this.calibratedMlp();
    // From float32.
    if (name === 'layerNormModulate') return this.#time(0, 3 * this.rows * WIDTH);
    if (!layer) return undefined;
    if (name === 'linear') return this.linear(layer);
    return name === 'calibratedLinear' ? this.calibratedLinear(layer) : undefined;
  }

  block(name: string): number | undefined {
    const { qkv, proj, fc1, fc2 } = LAYERS as Record<'qkv' | 'proj' | 'fc1' | 'fc2', Layer>;
    const full = this.attention() + this.linear(qkv);
    if (name === 'full') return full + [proj, fc1, fc2].reduce((sum, layer) => sum + this.linear(layer), 0);
    // What goes on differs from what is stored.
    if (name === 'gather')
      return full + [proj, fc1, fc2].reduce((sum, layer) => sum + this.linear(layer, 2), 0);
    if (name !== 'scatter') return undefined;
    return this.attention() + this.calibratedLinear(qkv) + this.calibratedLinear(proj) + this.calibratedMlp();
  }

  run(policy: string, period: number): number {
    const gathered = Math.ceil(STEPS / period);
    if (policy === 'full') return STEPS * DEPTH * this.block('full')!;
    const other = policy === 'reuse' ? this.reuse() : this.block('scatter')!;
    return DEPTH * (gathered * this.block('gather')! + (STEPS - gathered) * other);
  }

  linear({ inputs, outputs }: Layer, written = 1): number {
    const moved = this.rows * (inputs + written * outputs) + inputs * outputs;
    return this.#time(this.rows * inputs * outputs, moved);
  }

  calibratedLinear({ inputs, outputs, parts }: Layer): number {
    const factors = this.rank * (parts * inputs + outputs);
    return this.#time(this.rows * factors, 2 * this.rows * (inputs + outputs) + factors);
  }

  /** Without the hidden layer's increment ever being written. */
  calibratedMlp(): number {
    const factors = this.rank * 10 * WIDTH;
    return this.#time(this.rows * factors, 8 * this.rows * WIDTH + factors);
  }

  attention(): number {
    return this.#time(2 * this.rows * this.tokens * WIDTH, 4 * this.rows * WIDTH);
  }

  /** Two cached outputs go to a residual stream in float32. */
  reuse(): number {
    return this.#time(0, 2 * 5 * this.rows * WIDTH);
  }

  /** `values`: of 16 bits. */
  #time(macs: number, values: number): number {
    return Math.max((2 * macs) / this.rates.flops, (2 * values) / this.rates.bytes);
  }
}
