/** A T5 text encoder of random weights, and what it gives by plain sums in float64. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseT5Config, type T5Config } from '../../src/models/t5/config.js';
import { biasTable, FINAL_NORM, finalPlan, layerPlan, layerPrefix } from '../../src/models/t5/graph.js';
import { bucketOf } from '../../src/models/t5/positionBias.js';
import { writeSafetensors } from '../../src/weights/safetensors.js';
import { Random } from './random.js';

/** No size is that of another one, so that operands that are swapped show. */
const CONFIG = {
  model_type: 't5',
  feed_forward_proj: 'gated-gelu',
  d_model: 20,
  num_heads: 3,
  d_kv: 8,
  d_ff: 44,
  num_layers: 2,
  vocab_size: 50,
  relative_attention_num_buckets: 8,
  relative_attention_max_distance: 12,
};

export interface TinyT5 {
  readonly folder: string;
  readonly config: T5Config;
  readonly tensors: ReadonlyMap<string, Float32Array>;
}

/** Writes the folder as transformers does; `changes` are made to config.json. */
export function writeTinyT5(folder: string, changes: object = {}): TinyT5 {
  const json = { ...CONFIG, ...changes };
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'config.json'), JSON.stringify(json));
  const config = parseT5Config(json, folder);
  const shapes = new Map<string, number[]>([['shared.weight', [config.vocabulary, config.width]]]);
  const one = { sequences: 1, length: 1 };
  const layers = Array.from({ length: config.layers }, (_, layer) => layer);
  const plans = [...layers.map((layer) => layerPlan(config, layer, one, 'f32')), finalPlan(config, one)];
  for (const { name, role, rows, columns } of plans.flatMap(({ buffers }) => buffers))
    if (role === 'weight') shapes.set(name, rows === 1 ? [columns] : [rows, columns]);
  for (const layer of layers) shapes.set(biasTable(config, layer), [config.buckets, config.heads]);
  const random = new Random(5);
  const tensors = new Map<string, Float32Array>();
  for (const [name, shape] of shapes) {
    const count = shape.reduce((product, side) => product * side, 1);
    const scale = shape.length === 1 || name.includes('bias') ? 1 : 1 / Math.sqrt(shape[1]!);
    tensors.set(name, random.normals(count, scale));
  }
  writeSafetensors(
    join(folder, 'model.safetensors'),
    [...tensors].map(([name, data]) => ({ name, dtype: 'F32', shape: shapes.get(name)!, data })),
  );
  return { folder, config, tensors };
}

type Rows = number[][];

/** The embeddings of one sequence, of which the first `length` tokens are attended to. */
export function encodeInFloat64({ config, tensors }: TinyT5, ids: Int32Array, length: number): Float64Array {
  const { width, heads, headDimension } = config;
  const tensor = (name: string) => tensors.get(name)!;
  const linear = (x: Rows, name: string): Rows => {
    const weight = tensor(name);
    const inputs = x[0]!.length;
    const outputs = weight.length / inputs;
    return x.map((row) =>
      Array.from({ length: outputs }, (_, o) =>
        row.reduce((sum, value, i) => sum + value * weight[o * inputs + i]!, 0),
      ),
    );
  };
  const norm = (x: Rows, name: string): Rows =>
    x.map((row) => {
      const root = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0) / width + config.epsilon);
      return row.map((value, i) => (value / root) * tensor(name)[i]!);
    });
  const plus = (x: Rows, y: Rows): Rows => x.map((row, r) => row.map((value, i) => value + y[r]![i]!));
  const gelu = (x: number) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));

  const shared = tensor('shared.weight');
  let x: Rows = Array.from(ids, (id) => [...shared.subarray(id * width, (id + 1) * width)]);
  for (let layer = 0; layer < config.layers; layer++) {
    const prefix = layerPrefix(layer);
    const table = tensor(biasTable(config, layer));
    const h = norm(x, `${prefix}layer.0.layer_norm.weight`);
    const [q, k, v] = ['q', 'k', 'v'].map((name) =>
      linear(h, `${prefix}layer.0.SelfAttention.${name}.weight`),
    );
    const attended = q!.map((row, query) =>
      Array.from({ length: heads }, (_, head) => {
        const part = (r: number[]) => r.slice(head * headDimension, (head + 1) * headDimension);
        const weights = k!.slice(0, length).map((key, j) => {
          const bias = table[bucketOf(j - query, config) * heads + head]!;
          return Math.exp(part(row).reduce((sum, value, i) => sum + value * part(key)[i]!, bias));
        });
        const total = weights.reduce((a, b) => a + b, 0);
        return part(row).map((_, i) =>
          weights.reduce((sum, w, j) => sum + (w / total) * part(v![j]!)[i]!, 0),
        );
      }).flat(),
    );
    x = plus(x, linear(attended, `${prefix}layer.0.SelfAttention.o.weight`));
    const mlp = `${prefix}layer.1.DenseReluDense`;
    const m = norm(x, `${prefix}layer.1.layer_norm.weight`);
    const [gate, up] = ['wi_0', 'wi_1'].map((name) => linear(m, `${mlp}.${name}.weight`));
    const product = gate!.map((row, r) => row.map((value, i) => gelu(value) * up![r]![i]!));
    x = plus(x, linear(product, `${mlp}.wo.weight`));
  }
  return Float64Array.from(norm(x, FINAL_NORM).flat());
}
