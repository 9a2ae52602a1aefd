/** ONNX models as we write them: their bytes, and what onnxruntime makes of them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InferenceSession, Tensor } from 'onnxruntime-web';
import { blockModel } from '../../bench/block/onnxModel.js';
import { ours } from '../../bench/block/ours.js';
import { type BlockProblem, blockProblem } from '../../bench/block/problem.js';
import { MODULATION } from '../../bench/onnx/ditGraph.js';
import { OnnxGraph } from '../../bench/onnx/graph.js';
import { bytes, float, integer, message, text } from '../../bench/onnx/protobuf.js';
import { columns } from '../../bench/tensor.js';
import { relativeL2 } from '../../src/evaluate/metrics/relativeL2.js';

test('protobuf fields', () => {
  assert.deepEqual([...integer(1, 150)], [0x08, 0x96, 0x01]);
  assert.deepEqual([...text(2, 'testing')], [0x12, 7, ...Buffer.from('testing')]);
  assert.deepEqual([...float(3, 1)], [0x1d, 0, 0, 0x80, 0x3f]);
  assert.deepEqual([...bytes(4, message(integer(1, 1), integer(2, 2)))], [0x22, 4, 0x08, 1, 0x10, 2]);
  // Beyond 32 bits: models go to 2 GB.
  assert.deepEqual([...integer(1, 2 ** 35)], [0x08, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01]);
});

test('a graph of one product computes it', async () => {
  const graph = new OnnxGraph('product');
  const x = graph.input('x', [2, 3]);
  const w = graph.constant('w', [3, 1], Float32Array.of(1, 10, 100));
  graph.output(graph.node('MatMul', [x, w], {}, { output: 'y' }), [2, 1]);
  const session = await InferenceSession.create(graph.model());
  const { y } = await session.run({ x: new Tensor('float32', Float32Array.of(1, 2, 3, 4, 5, 6), [2, 3]) });
  assert.deepEqual([...(y!.data as Float32Array)], [321, 654]);
  await session.release();
});

test('the graph of a block computes what our plan does', async () => {
  const problem = fewerTokens(blockProblem('DiT-S/2'), 16);
  const { images, tokens, config, x, modulation } = problem;
  const device = await ours(problem, 'wasm', { threads: 1, weights: 'f32' }, 'compute');
  if ('absent' in device) throw new Error(device.absent);
  const expected = await device.output();
  const session = await InferenceSession.create(blockModel(problem));
  const c = config.hiddenSize;
  const inputs = MODULATION.map((name, i) => {
    const { data, shape } = columns(modulation, images, i * c, c);
    return [name, new Tensor('float32', data, [...shape])] as const;
  });
  const feeds = { x: new Tensor('float32', x.data, [images, tokens, c]), ...Object.fromEntries(inputs) };
  const actual = (await session.run(feeds)).y!.data as Float32Array;
  const error = relativeL2(actual, expected);
  assert.ok(error < 1e-5, `${error}`);
  await session.release();
  await device.dispose();
});

/** The same block on the first tokens of each image: the test should take no seconds. */
function fewerTokens(problem: BlockProblem, tokens: number): BlockProblem {
  const { config, images, x } = problem;
  const rows = images * tokens;
  const less = { shape: [rows, config.hiddenSize], data: x.data.slice(0, rows * config.hiddenSize) };
  const inputSize = Math.sqrt(tokens) * config.patchSize;
  return { ...problem, config: { ...config, inputSize }, tokens, x: less, cachedX: less };
}
