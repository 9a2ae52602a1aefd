/** What a user feels: starts and memory, as results that can be read. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sectionOf } from '../../bench/report/sections.js';
import { parseResult } from '../../bench/schema/read.js';
import { textBlock } from '../../bench/textBlock/index.js';
import { XL } from '../../bench/textBlock/problem.js';
import { type DeviceChoice, deviceName, presentDevices } from '../../bench/whole/devices.js';
import { openCheckpoint } from '../../bench/whole/openCheckpoint.js';
import { residentMemory } from '../../bench/whole/residentMemory.js';
import { startUp } from '../../bench/whole/startUp.js';
import { textEncoder } from '../../bench/whole/textEncoder.js';
import { nativeBackend } from '../../src/backend/native/index.js';
import { resultFile } from './samples.js';

const WASM: readonly DeviceChoice[] = [{ backend: 'wasm', weights: 'f32' }];

test('the devices are those that are here, WebAssembly in any case', () => {
  const devices = presentDevices();
  assert.equal(devices.length, nativeBackend.status().available ? 3 : 1);
  assert.equal(deviceName(devices.at(-1)!), 'incache wasm f32');
});

test('starts are timed, and that of Node alone', async () => {
  const { text, rows } = await startUp(1, WASM);
  assert.deepEqual(
    rows.map(({ contender }) => contender),
    ['node alone', 'incache wasm f32'],
  );
  assert.ok(rows.every(({ times }) => times.median > 0));
  const { body } = sectionOf({ ...written('startUp', { text, rows }), name: 's.json' });
  assert.match(body, /^From the start .*\n\n\| {2}\| ms \| p10 to p90 \|\n.*\n\| node alone \| \d+ \|/);
});

test('the peak of memory is above the file of a small model', async () => {
  const { text, rows } = await residentMemory('DiT-S/8', WASM);
  assert.deepEqual(
    rows.map(({ contender }) => contender),
    ['incache wasm f32'],
  );
  for (const { fileBytes, peakBytes } of rows) assert.ok(fileBytes > 1e8 && peakBytes > fileBytes);
  const { body } = sectionOf({ ...written('residentMemory', { text, rows }), name: 'm.json' });
  assert.match(body, /\| incache wasm f32 \| 0\.\d\d \| 0\.\d\d \| \d\.\d{3} \|/);
});

test('a checkpoint of PyTorch is opened without being read', async () => {
  const { text, rows } = await openCheckpoint('DiT-S/8', WASM);
  assert.deepEqual(
    rows.map(({ contender }) => contender),
    ['opened', 'all tensors held in float32', 'a step on incache wasm f32'],
  );
  const [opened, held] = rows.map(({ peakBytes }) => peakBytes) as [number, number];
  assert.ok(held - opened > 0.8 * rows[0]!.fileBytes, `${opened} bytes, then ${held}`);
  const { body } = sectionOf({ ...written('openCheckpoint', { text, rows }), name: 'o.json' });
  assert.match(body, /\| opened \| 0\.\d\d \| \d+ \| 0\.\d\d \| \d\.\d{3} \|/);
});

test('a prompt goes through a text encoder layer by layer', async () => {
  const { text, rows } = await textEncoder(2, WASM, { d_model: 64, num_heads: 2, d_ff: 96 });
  for (const { milliseconds, readMilliseconds, wholeMilliseconds, peakBytes, fileBytes } of rows)
    assert.ok(
      milliseconds > 0 && readMilliseconds > 0 && wholeMilliseconds > milliseconds && peakBytes > fileBytes,
    );
  const { body } = sectionOf({ ...written('textEncoder', { text, rows }), name: 't.json' });
  assert.match(body, /\| incache wasm f32 \| 2 \| 0\.\d\d \| \d\.\d\d \|/);
});

test('a block of PixArt is the same of all, and its policies have their shares', async () => {
  const small = { ...XL, inputSize: 8, hiddenSize: 48, heads: 4, mlpSize: 96, captionTokens: 10 };
  const { text, rows } = await textBlock(1, small, WASM);
  const [full, reuse, calibrated] = rows;
  assert.equal(full!.contender, 'incache wasm f32');
  assert.ok(Math.abs(reuse!.macShare! - 0.5) < 1e-9 && calibrated!.macShare! > 0.5);
  assert.ok(rows.some(({ contender, error }) => contender === 'onnxruntime-web' && error < 1e-5));
  const { body } = sectionOf({ ...written('textBlock', { text, rows }), name: 'b.json' });
  assert.match(body, /\| incache wasm f32, reuse, p = 2 \|/);
});

/** As it comes back from a file. */
function written(what: string, figures: { readonly text: string; readonly rows: readonly unknown[] }) {
  return parseResult(
    JSON.parse(JSON.stringify(resultFile(figures.rows, { what, text: figures.text }))),
    what,
  );
}
