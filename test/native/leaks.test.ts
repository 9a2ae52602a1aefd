/** Memory stays flat: of the process over many devices and stopped runs, of the device when handles are dropped. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { measureStability } from '../../bench/stability/run.js';
import { temporaryFolder } from '../support/folder.js';
import { writeTinyModel } from '../support/tinyModel.js';
import { runProgram } from './child.js';
import type { DroppedFigures } from './dropped.js';
import { SKIP } from './present.js';

const CYCLES = 100;
const ABORTED_RUNS = 40;
/** A weight, a cache or an arena left behind at every cycle would be several times this. */
const MOST_GROWTH = 8 * 2 ** 20;

describe('memory on native', { skip: SKIP }, () => {
  const folder = temporaryFolder();

  test(`${CYCLES} pipelines and ${ABORTED_RUNS} stopped runs leave nothing`, () => {
    // A cycle takes 2 MB of weights alone, so that a leak of one in twenty would show.
    const config = { hiddenSize: 128, heads: 4, mlpSize: 512 };
    const path = writeTinyModel(join(folder, 'tiny.safetensors'), { config });
    const figures = measureStability('native', path, CYCLES, ABORTED_RUNS);
    const { rssBefore, rssAfterCycles, rssAfterAborted, heldAfterCycle, heldAfterAborted } = figures;
    assert.deepEqual([heldAfterCycle, heldAfterAborted], [0, 0]);
    for (const rss of [rssAfterCycles, rssAfterAborted])
      assert.ok(rss - rssBefore < MOST_GROWTH, `resident memory grew: ${JSON.stringify(figures)}`);
  });

  test('handles that are dropped are freed by the collector', async () => {
    const ended = await runProgram('dropped.js');
    assert.deepEqual([ended.code, ended.signal, ended.stderr], [0, null, '']);
    const { before, held, after }: DroppedFigures = JSON.parse(ended.stdout);
    assert.equal(before, 0);
    assert.ok(held > 2 ** 20, `${held} bytes are hardly any`);
    assert.equal(after, before);
  });
});
