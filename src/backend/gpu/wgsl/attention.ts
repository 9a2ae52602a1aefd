/** Attention in WGSL: a thread a query, an online softmax over tiles of keys. */
import type { AttentionOp } from '../../../plan/types.js';
import type { ProductForm } from '../forms.js';
import type { Dispatch, Kernel } from '../kernel.js';
import type { Lowering } from '../lowering.js';
import { four, takesVectors } from './vectors.js';

type Form = Exclude<ProductForm, 'translated'>;

/** Queries of a workgroup, and keys of a tile. */
const QUERIES = 64;
const KEYS = 16;
/** Wider heads fit neither registers nor workgroup memory (16 KiB for keys and values). */
export const MOST_WIDTH = 128;
/** Fours of a head that there are kernels for, where its numbers are read one by one. */
const FOURS = [4, 8, 16, 32];

export function attentionDispatch(op: AttentionOp, form: Form, at: Lowering): Dispatch {
  const width = op.q.columns / op.heads;
  const [q, k, v, out] = [at.matrix(op.q), at.matrix(op.k), at.matrix(op.v), at.matrix(op.out)];
  const asVectors = [q, k, v].every((m) => takesVectors(m, width, out));
  return {
    kernel: kernelOf(asVectors ? width / 4 : FOURS.find((fours) => fours * 4 >= width)!, asVectors, form),
    out,
    operands: {
      ...{ q, k, v },
      bias: at.optional(op.bias),
      keyBias: at.optional(op.keyBias),
      keyLengths: at.optional(op.keyLengths),
    },
    numbers: {
      width,
      queryLength: op.queryLength,
      keyLength: op.keyLength,
      allKeys: op.keyLengths ? 0 : op.keyLength,
      causal: Number(op.mask === 'causal'),
      scale: op.scale,
    },
    groups: [Math.ceil(op.queryLength / QUERIES), op.heads, op.q.rows / op.queryLength],
  };
}

function kernelOf(fours: number, asVectors: boolean, form: Form): Kernel {
  const inputs = ['q', 'k', 'v'];
  return {
    name: `attention ${form}, heads of ${fours} ${asVectors ? 'fours' : 'or fewer'}`,
    matrices: [...(asVectors ? [] : inputs), 'bias', 'keyBias', 'keyLengths'],
    vectors: asVectors ? inputs : [],
    integers: ['width', 'queryLength', 'keyLength', 'allKeys', 'causal'],
    floats: ['scale'],
    text: [
      ...inputs.map((name) => loadText(name, asVectors)),
      form === 'workgroup' ? sharedTile(fours) : ownTile(),
      mainText(fours),
    ].join('\n'),
  };
}

/** `<name>4(row, head, d)`: numbers d to d + 3 of a head in a row, zeros beyond its width. */
function loadText(name: string, asVectors: boolean): string {
  const head = `fn ${name}4(row: i32, head: i32, d: i32) -> vec4<f32>`;
  if (asVectors) return `${head} { return ${four(name, 'row', 'head * params.width + d')}; }`;
  return `${head} {
  var numbers = vec4<f32>();
  for (var i = 0; i < 4 && d + i < params.width; i++) { numbers[i] = get_${name}(row, head * params.width + d + i); }
  return numbers;
}`;
}

/** Keys and values of a tile in workgroup memory, where every thread brings a part of them. */
function sharedTile(fours: number): string {
  return `var<workgroup> ks: array<vec4<f32>, ${KEYS * fours}>;
var<workgroup> vs: array<vec4<f32>, ${KEYS * fours}>;
fn load(firstRow: i32, tile: i32, head: i32, index: i32) {
  workgroupBarrier();
  for (var i = index; i < ${KEYS * fours}; i += ${QUERIES}) {
    let key = tile + i / ${fours};
    if (key < params.keyLength) {
      ks[i] = k4(firstRow + key, head, i % ${fours} * 4);
      vs[i] = v4(firstRow + key, head, i % ${fours} * 4);
    }
  }
  workgroupBarrier();
}
fn keyOf(t: i32, row: i32, head: i32, d: i32) -> vec4<f32> { return ks[t * ${fours} + d]; }
fn valueOf(t: i32, row: i32, head: i32, d: i32) -> vec4<f32> { return vs[t * ${fours} + d]; }`;
}

/** Keys and values from memory: all threads of a workgroup read the same ones. */
function ownTile(): string {
  return `fn load(firstRow: i32, tile: i32, head: i32, index: i32) {}
fn keyOf(t: i32, row: i32, head: i32, d: i32) -> vec4<f32> { return k4(row, head, d * 4); }
fn valueOf(t: i32, row: i32, head: i32, d: i32) -> vec4<f32> { return v4(row, head, d * 4); }`;
}

function mainText(fours: number): string {
  return `@compute @workgroup_size(${QUERIES}, 1, 1)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) index: u32) {
  let image = i32(group.z);
  let head = i32(group.y);
  let query = i32(group.x) * ${QUERIES} + i32(index);
  let row = image * params.queryLength + query;
  let firstRow = image * params.keyLength;
  var keys = 0;
  var q: array<vec4<f32>, ${fours}>;
  if (query < params.queryLength) {
    keys = params.allKeys + i32(get_keyLengths(image, 0));
    if (params.causal == 1) { keys = min(keys, query + 1); }
    for (var d = 0; d < ${fours}; d++) { q[d] = params.scale * q4(row, head, d * 4); }
  }
  var sums: array<vec4<f32>, ${fours}>;
  // Lower than any score that counts. What is masked has this score too; its weight vanishes with the first that is not.
  var largest = -3e38;
  var total = 0.0;
  for (var tile = 0; tile < params.keyLength; tile += ${KEYS}) {
    load(firstRow, tile, head, i32(index));
    let count = min(${KEYS}, keys - tile);
    var scores: array<f32, ${KEYS}>;
    var most = largest;
    for (var t = 0; t < count; t++) {
      let key = tile + t;
      var dots = vec4<f32>();
      for (var d = 0; d < ${fours}; d++) { dots += q[d] * keyOf(t, firstRow + key, head, d); }
      let biases = get_bias(head * params.queryLength + query, key) + get_keyBias(image, key);
      scores[t] = max(dots.x + dots.y + dots.z + dots.w + biases, -3e38);
      most = max(most, scores[t]);
    }
    let kept = exp(max(largest - most, -100.0));
    total *= kept;
    for (var d = 0; d < ${fours}; d++) { sums[d] *= kept; }
    for (var t = 0; t < count; t++) {
      let weight = exp(max(scores[t] - most, -100.0));
      total += weight;
      for (var d = 0; d < ${fours}; d++) { sums[d] += weight * valueOf(t, firstRow + tile + t, head, d); }
    }
    largest = most;
  }
  if (query >= params.queryLength) { return; }
  for (var d = 0; d < ${fours}; d++) {
    for (var i = 0; i < 4 && d * 4 + i < params.width; i++) {
      put(row, head * params.width + d * 4 + i, sums[d][i] / total);
    }
  }
}`;
}
