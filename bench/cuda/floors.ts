/**
 * What no kernel can be faster than: of each layer the larger of its arithmetic and its bytes, every tensor moved once. In a block
 * tensors have 16 bits, the residual stream 32; the operations are those of a plan: two layer norms, attention, and the linears, two
 * of which read the residual stream and write it. A run is its steps, and a step its blocks.
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

/** Measured on an H200. */
export const H200: Rates = { flops: 790e12, bytes: 4.3e12 };

/** None for GPUs whose rates nobody has measured. */
export function ratesOf(device: string): Rates | undefined {
  return { H100, H200 }[/\bH[12]00\b/.exec(device)?.[0] ?? ''];
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
  if (level === 'step' && policy === undefined) return floors.step([name]);
  if (policy === undefined) return undefined;
  return level === 'step' ? floors.step(stepsOf(policy, Number(period))) : floors.run(policy, Number(period));
}

/** The kinds of blocks of a period. */
function stepsOf(policy: string, period: number): string[] {
  if (policy === 'full') return ['full'];
  return Array.from({ length: period }, (_, i) =>
    i === 0 ? 'gather' : policy === 'reuse' ? 'reuse' : 'scatter',
  );
}

/** How many times an output moves that is added to the residual stream: read and written, in float32. */
const STREAM = 4;

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
    if (name === 'layerNormModulate') return this.layerNorm();
    if (!layer) return undefined;
    if (name === 'linear') return this.linear(layer);
    return name === 'calibratedLinear' ? this.calibratedLinear(layer) : undefined;
  }

  block(name: string): number | undefined {
    const { qkv, proj, fc1, fc2 } = LAYERS as Record<'qkv' | 'proj' | 'fc1' | 'fc2', Layer>;
    const norms = 2 * this.layerNorm() + this.attention();
    if (name === 'scatter')
      return (
        norms + this.calibratedLinear(qkv) + this.calibratedLinear(proj, STREAM) + this.calibratedMlp(STREAM)
      );
    if (name !== 'full' && name !== 'gather') return undefined;
    // What goes on differs from what is stored.
    const stored = name === 'gather' ? 1 : 0;
    return (
      norms +
      this.linear(qkv) +
      this.linear(proj, STREAM + stored) +
      this.linear(fc1, 1 + stored) +
      this.linear(fc2, STREAM + stored)
    );
  }

  /** The mean of some steps, each a kind of block. */
  step(kinds: readonly string[]): number | undefined {
    const blocks = kinds.map((kind) => this.block(kind) ?? Number.NaN);
    const mean = blocks.reduce((sum, block) => sum + block, 0) / blocks.length;
    return Number.isNaN(mean) ? undefined : DEPTH * mean;
  }

  run(policy: string, period: number): number {
    const gathered = Math.ceil(STEPS / period);
    if (policy === 'full') return STEPS * DEPTH * this.block('full')!;
    const other = policy === 'reuse' ? this.reuse() : this.block('scatter')!;
    return DEPTH * (gathered * this.block('gather')! + (STEPS - gathered) * other);
  }

  /** `moved`: how many times the output moves, in 16 bits. */
  linear({ inputs, outputs }: Layer, moved = 1): number {
    const values = this.rows * (inputs + moved * outputs) + inputs * outputs;
    return this.#time(this.rows * inputs * outputs, values);
  }

  calibratedLinear({ inputs, outputs, parts }: Layer, moved = 1): number {
    const factors = this.rank * (parts * inputs + outputs);
    return this.#time(this.rows * factors, this.rows * (2 * inputs + (1 + moved) * outputs) + factors);
  }

  /** Without the hidden layer's increment ever being written. */
  calibratedMlp(moved = 1): number {
    const factors = this.rank * 10 * WIDTH;
    return this.#time(this.rows * factors, (7 + moved) * this.rows * WIDTH + factors);
  }

  /** From float32. */
  layerNorm(): number {
    return this.#time(0, 3 * this.rows * WIDTH);
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
