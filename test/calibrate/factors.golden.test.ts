/** Factors from scaled weights against the authors': products and singular values. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type FactorMethod, scaledFactors } from '../../src/calibrate/factors.js';
import type { SafetensorsFile } from '../../src/weights/safetensors.js';
import { assertClose } from '../support/compare.js';
import { goldenFiles, openGolden, requireKind, toleranceOf } from '../support/golden.js';
import { multiply } from './matrices.js';

const FACTOR_FILE = /^icc-(\w+)\.factors-(svd|ca|cd|cd_i|cd_o)-r(\d+)\.safetensors$/;

interface Scales {
  readonly inputScale?: Float32Array;
  readonly outputScale?: Float32Array;
}

/** Which recorded sensitivities a method scales by. */
function recordedScales(method: FactorMethod, sensitivity: SafetensorsFile, layer: string): Scales {
  if (method === 'svd') return {};
  const statistic = method === 'ca' ? 'mag' : 'delta_mag';
  return {
    ...(method !== 'cd_o' && { inputScale: sensitivity.read(`${statistic}.${layer}_rwtv`) }),
    ...(method !== 'cd_i' && { outputScale: sensitivity.read(`${statistic}.${layer}_lwtv`) }),
  };
}

/** Wa Wb as it was recorded, or the product of the two factors of rank `rank` that keep it in less space. */
function recordedProduct(golden: SafetensorsFile, layer: string, rank: number): Float32Array | Float64Array {
  if (golden.tensors.has(`${layer}.product`)) return golden.read(`${layer}.product`);
  const [rows] = golden.entry(`${layer}.product.left`).shape as [number];
  const [, columns] = golden.entry(`${layer}.product.right`).shape as [number, number];
  const [left, right] = [golden.read(`${layer}.product.left`), golden.read(`${layer}.product.right`)];
  return multiply(left, right, rows, rank, columns);
}

interface Weight {
  readonly weight: Float32Array;
  readonly rows: number;
  readonly columns: number;
}

/** layer: as in `block0.q`. */
function layerWeight(weights: SafetensorsFile, layer: string): Weight {
  const [, block, linear] = /^block(\d+)\.(\w+)$/.exec(layer)!;
  const third = ['q', 'k', 'v'].indexOf(linear!);
  const part = third >= 0 ? 'attn.qkv' : linear === 'proj' ? 'attn.proj' : `mlp.${linear}`;
  const name = `blocks.${block}.${part}.weight`;
  const [allRows, columns] = weights.entry(name).shape as [number, number];
  const all = weights.read(name);
  if (third < 0) return { weight: all, rows: allRows, columns };
  const rows = allRows / 3;
  return { weight: all.slice(third * rows * columns, (third + 1) * rows * columns), rows, columns };
}

const files = goldenFiles(FACTOR_FILE);

requireKind('factors', files);

for (const file of files) {
  const [, model, method, rank] = FACTOR_FILE.exec(file)!;
  test(`${file}: products and singular values of every layer`, () => {
    using golden = openGolden(file);
    const tolerance = toleranceOf(file, 1e-4);
    using weights = openGolden(`dit-${model}.weights.safetensors`);
    using sensitivity = openGolden(`icc-${model}.sensitivity.safetensors`);
    const layers = [...golden.tensors.keys()].flatMap(
      (name) => /^(.+)\.singular_values$/.exec(name)?.[1] ?? [],
    );
    assert.ok(layers.length > 0, `${file} has no layers`);
    for (const layer of layers) {
      const weight = layerWeight(weights, layer);
      const scales = recordedScales(method as FactorMethod, sensitivity, layer);
      const { up, down, singularValues } = scaledFactors({ ...weight, ...scales, rank: Number(rank) });
      const product = multiply(up, down, weight.rows, Number(rank), weight.columns);
      assertClose(product, recordedProduct(golden, layer, Number(rank)), tolerance, `${layer} product`);
      assertClose(
        singularValues,
        golden.read(`${layer}.singular_values`),
        tolerance,
        `${layer} singular values`,
      );
    }
  });
}
