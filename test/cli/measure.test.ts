/** `incache measure`: the errors it writes are those that policies searched and mixed go by. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, describe, test } from 'node:test';
import { ErrorTable } from '../../src/calibrate/errorTable.js';
import { writeTinyModel } from '../support/tinyModel.js';
import { incache, Workplace } from './run.js';

const inputs = new Workplace();
after(() => inputs[Symbol.dispose]());
const tiny = writeTinyModel(inputs.path('tiny.safetensors'));

describe('measure', () => {
  test('writes a file that searched and mixed take, with the factors it was measured with', async () => {
    using place = new Workplace();
    const succeed = async (...args: string[]) => {
      const { code, stdout, stderr } = await incache(
        [...args, '--model', tiny, '--steps', '5'],
        place.folder,
      );
      assert.equal(code, 0, stderr);
      assert.equal(stderr, '');
      return stdout;
    };
    await succeed('calibrate', '--method', 'svd', '--rank', '4');
    const factors = ['--factors', 'factors.safetensors'];
    const measured = await succeed('measure', '--count', '1', '--gaps', '2', '--json', ...factors);
    const report = JSON.parse(measured);
    const { info, calibrated } = ErrorTable.load(place.path('errors.safetensors'));
    assert.ok(calibrated);
    assert.deepEqual([report.steps, report.gaps, report.sublayers, report.images], [5, 2, 4, 1]);
    assert.equal(report.modelHash, info.modelHash);
    const macsOf = async (...args: string[]) => {
      await succeed('sample', '--labels', '0', '--report', 'run.json', ...args);
      return JSON.parse(readFileSync(place.path('run.json'), 'utf8')).macs;
    };
    const whole = await macsOf();
    for (const policy of ['searched', 'mixed']) {
      const macs = await macsOf(
        '--policy',
        policy,
        '--errors',
        'errors.safetensors',
        '--budget',
        '0.7',
        ...factors,
      );
      assert.ok(macs < 0.75 * whole && macs > 0.5 * whole, `${policy}: ${macs / whole}`);
    }
  });
});
