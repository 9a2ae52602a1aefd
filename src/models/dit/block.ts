/** The graph of one DiT block (METHOD: Model), with each linear run as its action says. */
import { type PlanBuilder, sliceColumns } from '../../plan/builder.js';
import type { View } from '../../plan/types.js';
import type { BlockActions, BlockLinear } from '../layers/actions.js';
import { layerName } from '../layers/actions.js';
import type { LinearContext, LinearGroup } from '../layers/linearContext.js';
import { LinearEmitter } from '../layers/linearEmitter.js';
import type { DiTConfig } from './config.js';

/** What adaLN gives a sublayer: one row an image, hidden columns each. */
export interface Modulation {
  readonly shift: View;
  readonly scale: View;
  readonly gate: View;
}

const LAYER_NORM_EPSILON = 1e-6;

/**
 * Updates the residual stream `x` (images * tokens x hidden) in place.
 * `modulation`: images x 6 hidden; shift, scale and gate of the attention, then of the MLP.
 */
export function emitBlock(
  context: LinearContext,
  block: number,
  actions: BlockActions,
  x: View,
  modulation: View,
): void {
  const [attention, mlp] = modulationsOf(modulation);
  const emitter = new BlockEmitter(context, block, actions, x);
  emitter.attention(attention);
  emitter.mlp(mlp);
}

/** Of the attention and of the MLP, from the six vectors of a block. */
export function modulationsOf(modulation: View): [Modulation, Modulation] {
  const c = modulation.columns / 6;
  return [0, 3].map((first) => ({
    shift: sliceColumns(modulation, first * c, c),
    scale: sliceColumns(modulation, (first + 1) * c, c),
    gate: sliceColumns(modulation, (first + 2) * c, c),
  })) as [Modulation, Modulation];
}

/** out = the residual stream `x`, normalised and modulated: the input of a sublayer. */
export function emitModulated(
  builder: PlanBuilder,
  x: View,
  { shift, scale }: Modulation,
  out: View,
  epsilon = LAYER_NORM_EPSILON,
): void {
  builder.append({ op: 'layerNormModulate', x, shift, scale, epsilon, out });
}

class BlockEmitter {
  readonly #builder: PlanBuilder;
  readonly #config: DiTConfig;
  readonly #linears: LinearEmitter;

  constructor(
    readonly context: LinearContext,
    readonly block: number,
    readonly actions: BlockActions,
    readonly x: View,
  ) {
    this.#builder = context.builder;
    this.#config = context.config;
    this.#linears = new LinearEmitter(context, x.rows);
  }

  attention(modulation: Modulation): void {
    const [q, k, v] = this.#qkv(modulation);
    const proj = this.#group('proj');
    const attended = this.#linears.input(proj);
    const { heads, hiddenSize } = this.#config;
    const tokens = (this.#config.inputSize / this.#config.patchSize) ** 2;
    this.#builder.layer(`blocks.${this.block}.attention`);
    this.#builder.append({
      op: 'attention',
      q,
      k,
      v,
      heads,
      queryLength: tokens,
      keyLength: tokens,
      scale: 1 / Math.sqrt(hiddenSize / heads),
      out: attended,
    });
    this.#addGated(proj, attended, modulation.gate);
  }

  mlp(modulation: Modulation): void {
    const fused = this.context.cache.fusedMlp[this.block];
    const fc1 = this.#group('fc1');
    // Fused, the increment of fc2's input comes from what fc1 gave: only the output is stored.
    const fc2 = fused ? outputOnly(this.#group('fc2')) : this.#group('fc2');
    const modulated = this.#modulated(fc1, modulation, this.#config.mlpNormEpsilon);
    if (fused && fc1.action === 'calibrate') {
      const gated = { epilogue: 'gateResidual', gate: modulation.gate, residual: this.x } as const;
      this.#linears.calibratedMlp(fc1, fc2, modulated, this.x, gated);
      return;
    }
    const hidden = this.#linears.input(fc2);
    this.#linears.emit(fc1, modulated, hidden, { epilogue: 'gelu' });
    this.#addGated(fc2, hidden, modulation.gate);
  }

  /** As one linear where q, k and v share a cache, else as three, each with its own copy of the input. */
  #qkv(modulation: Modulation): [View, View, View] {
    const c = this.#config.hiddenSize;
    const run = (group: LinearGroup): View => {
      const x = this.#modulated(group, modulation);
      return this.#linears.emit(group, x, undefined, { epilogue: 'none' });
    };
    if (this.context.cache.splitQkv[this.block])
      return [run(this.#group('q')), run(this.#group('k')), run(this.#group('v'))];
    const qkv = run({
      name: `blocks.${this.block}.qkv`,
      block: this.block,
      linears: ['q', 'k', 'v'],
      action: this.actions.q,
    });
    return [sliceColumns(qkv, 0, c), sliceColumns(qkv, c, c), sliceColumns(qkv, 2 * c, c)];
  }

  #group(linear: BlockLinear): LinearGroup {
    const action = this.actions[linear];
    return { name: layerName(this.block, linear), block: this.block, linears: [linear], action };
  }

  /** The input of a sublayer, written where the group wants it. */
  #modulated(group: LinearGroup, modulation: Modulation, epsilon?: number): View {
    const out = this.#linears.input(group);
    this.#builder.layer(group.name);
    emitModulated(this.#builder, this.x, modulation, out, epsilon);
    return out;
  }

  #addGated(group: LinearGroup, x: View, gate: View): void {
    this.#linears.emit(group, x, this.x, { epilogue: 'gateResidual', gate, residual: this.x });
  }
}

function outputOnly(group: LinearGroup): LinearGroup {
  return group.action === 'store' ? { ...group, action: 'storeOutput' } : group;
}
