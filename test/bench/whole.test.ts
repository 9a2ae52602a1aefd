/** What a user feels: starts and memory, as results that can be read. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sectionOf } from '../../bench/report/sections.js';
import { parseResult } from '../../bench/schema/read.js';
import { type DeviceChoice, deviceName, presentDevices } from '../../bench/whole/devices.js';
import { openCheckpoint } from '../../bench/whole/openCheckpoint.js';
import { residentMemory } from '../../bench/whole/residentMemory.js';
import { startUp } from '../../bench/whole/startUp.js';
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

/** As it comes back from a file. */
function written(what: string, figures: { readonly text: string; readonly rows: readonly unknown[] }) {
  return parseResult(
    JSON.parse(JSON.stringify(resultFile(figures.rows, { what, text: figures.text }))),
    what,
  );
}
