/** `incache experiment`: a kill in the midst of it, and what it refuses. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { after, describe, test } from 'node:test';
import { writeTinyModel } from '../support/tinyModel.js';
import { testRefusals } from './refused.js';
import { ended, incache, start, until, Workplace } from './run.js';

const inputs = new Workplace();
after(() => inputs[Symbol.dispose]());
const tiny = writeTinyModel(inputs.path('tiny.safetensors'));

const onTiny = (name: string, ...args: string[]) => [
  'experiment',
  name,
  '--model',
  tiny,
  '--steps',
  '4',
  ...args,
];

describe('experiment', { concurrency: 2 }, () => {
  test('killed and called again: the same files', async () => {
    using place = new Workplace();
    const args = ['--images', '40', '--seeds', '2'];
    const child = start(onTiny('trajectory', ...args, '--out', 'kept'), place.folder);
    const killed = ended(child);
    const measured = place.path('kept/work/measurements');
    await until(() => existsSync(measured) && readdirSync(measured).length >= 2, child);
    child.kill('SIGKILL');
    assert.equal((await killed).code, null, 'it was over before it was killed');
    assert.ok(!existsSync(place.path('kept/results.json')));
    for (const out of ['kept', 'whole']) {
      const { code, stdout, stderr } = await incache(
        onTiny('trajectory', ...args, '--out', out),
        place.folder,
      );
      assert.deepEqual([code, stdout, stderr], [0, `${out}/README.md\n`, '']);
    }
    for (const file of ['results.json', 'errors.csv', 'README.md', 'chart.svg']) {
      const [kept, whole] = ['kept', 'whole'].map((out) =>
        readFileSync(place.path(`${out}/${file}`), 'utf8').replaceAll(`--out ${out}`, ''),
      );
      assert.equal(kept, whole, file);
    }
    const page = readFileSync(place.path('kept/README.md'), 'utf8');
    assert.ok(page.includes(`incache experiment trajectory --model ${tiny} --steps 4 --images 40 --seeds 2`));
  });

  test('the help says what each shows', async () => {
    using place = new Workplace();
    const { stdout } = await incache(['experiment', '--help'], place.folder);
    for (const name of ['policies', 'ranks', 'outliers', 'calibration-size', 'trajectory'])
      assert.match(stdout, new RegExp(`^  ${name} +\\w`, 'm'));
  });
});

describe('refusals', { concurrency: 2 }, () =>
  testRefusals([
    {
      name: 'an unknown experiment',
      args: ['experiment', 'speed'],
      says: [
        "experiment is 'speed'; expected one of policies, ranks, outliers, calibration-size, trajectory",
      ],
    },
    { name: 'no name', args: ['experiment'], says: ["missing required argument 'name'"] },
    { name: 'no images', args: onTiny('ranks', '--images', '0'), says: ['images is 0'] },
    { name: 'no seeds', args: onTiny('ranks', '--seeds', '0'), says: ['seeds is 0'] },
    {
      name: 'an unknown sampler',
      args: onTiny('ranks', '--sampler', 'heun'),
      says: ["sampler is 'heun'; expected one of ddim"],
    },
    {
      name: 'calibration images of another size',
      args: onTiny(
        'ranks',
        '--calibration-images',
        `${process.cwd()}/models/digits/calibration-images.safetensors`,
      ),
      says: ["'images' has shape [512,1,32,32]; expected [512,1,8,8]"],
    },
    {
      name: 'a distance without features',
      args: onTiny('ranks', '--against', 'x.npz'),
      says: ["features is 'none'"],
    },
    {
      name: 'a folder where there is none to make it in',
      args: onTiny('ranks', '--out', 'a/b/c'),
      says: ["out is 'a/b/c'; expected a name in a folder that exists"],
    },
  ]),
);
