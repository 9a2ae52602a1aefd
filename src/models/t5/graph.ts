/**
 * The layers of T5's encoder in version 1.1 (Raffel et al., "Exploring the Limits of Transfer Learning", 2020; Shazeer, "GLU Variants
 * Improve Transformer", 2020; transformers' `modeling_t5.py`) as plans, one for each layer, so that one is on the device at a time.
 */
import { PlanBuilder } from '../../plan/builder.js';
import type { FloatType, Plan, View } from '../../plan/types.js';
import type { T5Config } from './config.js';

export interface T5Batch {
  readonly sequences: number;
  /** Tokens of each sequence, those that pad it included. */
  readonly length: number;
}

/** Names of the tensors of a layer begin with it. */
export function layerPrefix(layer: number): string {
  return `encoder.block.${layer}.`;
}

/** The name of the table of position biases that a layer adds. */
export function biasTable({ ownBias }: T5Config, layer: number): string {
  return `${layerPrefix(ownBias ? layer : 0)}layer.0.SelfAttention.relative_attention_bias.weight`;
}

export const FINAL_NORM = 'encoder.final_layer_norm.weight';

/**
 * One layer. Inputs: `hidden` (sequences * length) x width, `bias` (heads * length) x length, see `positionBias`, and `lengths`
 * sequences x 1 (i32): tokens from there on are attended to by none. Output: `out`, of the shape of `hidden`.
 */
export function layerPlan(config: T5Config, layer: number, batch: T5Batch, activations: FloatType): Plan {
  const { sequences, length } = batch;
  const { width, heads, headDimension, mlpSize } = config;
  const rows = sequences * length;
  const inner = heads * headDimension;
  const prefix = layerPrefix(layer);
  const b = new PlanBuilder(`${prefix}${rows}`);
  const temporary = (columns: number) => b.temporary(rows, columns, activations);
  const linear = (name: string, x: View, columns: number): View => {
    const out = temporary(columns);
    b.append({
      op: 'linear',
      x,
      weight: b.weight(`${prefix}${name}.weight`, columns, x.columns),
      epilogue: 'none',
      out,
    });
    return out;
  };
  const plus = (x: View, y: View, out: View) =>
    b.append({
      op: 'linearCombination',
      terms: [
        { x, coefficient: 1 },
        { x: y, coefficient: 1 },
      ],
      out,
    });

  b.layer(`${prefix}attention`);
  const hidden = b.input('hidden', rows, width);
  const normed = rmsNorm(b, config, hidden, `${prefix}layer.0.layer_norm.weight`, temporary(width));
  const [q, k, v] = ['q', 'k', 'v'].map((name) => linear(`layer.0.SelfAttention.${name}`, normed, inner));
  const attended = temporary(inner);
  b.append({
    op: 'attention',
    ...{ q: q!, k: k!, v: v!, heads, queryLength: length, keyLength: length, scale: 1, mask: 'none' },
    bias: b.input('bias', heads * length, length),
    keyLengths: b.input('lengths', sequences, 1, 'i32'),
    out: attended,
  });
  // The residual stream grows over the layers beyond what 16 bits hold: it stays in float32.
  const between = b.temporary(rows, width);
  plus(hidden, linear('layer.0.SelfAttention.o', attended, width), between);

  b.layer(`${prefix}mlp`);
  const gated = rmsNorm(b, config, between, `${prefix}layer.1.layer_norm.weight`, temporary(width));
  const mlp = `${prefix}layer.1.DenseReluDense`;
  const gate = temporary(mlpSize);
  b.append({
    op: 'linear',
    x: gated,
    weight: b.weight(`${mlp}.wi_0.weight`, mlpSize, width),
    epilogue: 'gelu',
    out: gate,
  });
  const product = temporary(mlpSize);
  b.append({
    op: 'linear',
    ...{ x: gated, weight: b.weight(`${mlp}.wi_1.weight`, mlpSize, width), epilogue: 'gate', gate },
    out: product,
  });
  plus(between, linear('layer.1.DenseReluDense.wo', product, width), b.output('out', rows, width));
  return b.build();
}

/** The norm behind the last layer: `hidden` to `out`, both (sequences * length) x width. */
export function finalPlan(config: T5Config, { sequences, length }: T5Batch): Plan {
  const b = new PlanBuilder('final norm');
  const rows = sequences * length;
  const x = b.input('hidden', rows, config.width);
  b.layer(FINAL_NORM);
  rmsNorm(b, config, x, FINAL_NORM, b.output('out', rows, config.width));
  return b.build();
}

function rmsNorm(b: PlanBuilder, { epsilon }: T5Config, x: View, gain: string, out: View): View {
  b.append({
    op: 'norm',
    ...{ kind: 'rms', x, span: 1, groups: 1, epsilon, gain: b.weight(gain, 1, x.columns), epilogue: 'none' },
    out,
  });
  return out;
}
