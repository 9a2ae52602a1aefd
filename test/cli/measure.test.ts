/** `incache measure`: the errors it writes are those that policies searched and mixed go by. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, describe, test } from 'node:test';
import { ErrorTable } from '../../src/cache/data/errorTable.js';
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
    const { info, kinds } = ErrorTable.load(place.path('errors.safetensors'));
    assert.deepEqual(kinds, ['reuse', 'calibrate']);
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

  test('of extrapolation, kept in a folder, for searched', async () => {
    using place = new Workplace();
    const call = (...args: string[]) => incache([...args, '--model', tiny, '--steps', '5'], place.folder);
    const measure = ['measure', '--count', '1', '--order', '1', '--resume', 'kept', '--json'];
    const first = await call(...measure);
    const again = await call(...measure);
    assert.deepEqual([first.code, again.code], [0, 0], first.stderr + again.stderr);
    assert.equal(JSON.parse(first.stdout).order, 1);
    const sample = [
      'sample',
      '--labels',
      '0',
      '--errors',
      'errors.safetensors',
      '--budget',
      '0.8',
      '--policy',
    ];
    assert.equal((await call(...sample, 'searched')).code, 0);
    const { code, stderr } = await call(...sample, 'mixed');
    assert.equal(code, 2);
    assert.match(stderr, /errors is 'of order 1'; expected errors of order 0/);
  });
});
