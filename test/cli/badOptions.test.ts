/** Options and values that cannot be used. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { after, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { backends } from '../../src/index.js';
import { writeTinyModel } from '../support/tinyModel.js';
import { type BadInput, testRefusals } from './refused.js';
import { incache, Workplace } from './run.js';

const inputs = new Workplace();
after(() => inputs[Symbol.dispose]());

const tiny = writeTinyModel(inputs.path('tiny.safetensors'));
const latent = writeTinyModel(inputs.path('latent.safetensors'), { config: { inChannels: 4 } });
const plain = writeTinyModel(inputs.path('plain.safetensors'), { config: { learnSigma: false } });
mkdirSync(inputs.path('folder.png'));
writeFileSync(inputs.path('file'), '');

const present = backends()
  .filter(({ available }) => available)
  .map(({ name }) => name);
const sample = (...args: string[]) => ['sample', '--model', tiny, '--steps', '2', ...args];
const calibrate = (...args: string[]) => ['calibrate', '--model', tiny, '--method', 'svd', ...args];

describe('commands', { concurrency: 2 }, () =>
  testRefusals([
    { name: 'unknown command', args: ['draw'], says: ["unknown command 'draw'"] },
    { name: 'mistyped command', args: ['sampel'], says: ["unknown command 'sampel'", 'sample?'] },
    { name: 'unknown option', args: ['sample', '--colour'], says: ["unknown option '--colour'"] },
    {
      name: 'first-use: an option of other libraries',
      args: ['sample', '--device', 'gpu'],
      says: ["unknown option '--device'", 'choose where to compute with --backend'],
    },
    {
      name: 'one side of a picture',
      args: ['sample', '--width', '512'],
      says: ["unknown option '--width'", 'both sides with --size'],
    },
    {
      name: 'options as Python spells them',
      args: sample('--num_inference_steps', '0'),
      says: ['steps is 0; expected an integer'],
    },
    {
      name: 'a name on a hub, not a path',
      args: ['sample', '--model', 'facebook/DiT-XL-2-256'],
      says: ['cannot read facebook/DiT-XL-2-256', 'incache downloads no models'],
    },
    {
      name: 'the same of info',
      args: ['info', 'facebook/DiT-XL-2-256'],
      says: ['cannot read facebook/DiT-XL-2-256', 'incache downloads no models'],
    },
    {
      name: 'a prompt for a model of classes',
      args: sample('--prompt', 'a cat'),
      says: ['prompts is ["a cat"]; expected no value, because the model takes labels'],
    },
    {
      name: 'a prompt and a file of prompts',
      args: sample('--prompt', 'a cat', '--prompts', 'cats.txt'),
      says: ["prompts is 'cats.txt'; expected no value beside --prompt, which already says what to draw"],
    },
    {
      name: 'a size that is none',
      args: sample('--size', '512'),
      says: ["size is '512'; expected height and width"],
    },
    { name: 'missing value', args: ['sample', '--steps'], says: ['--steps <n>', 'argument missing'] },
    {
      name: 'an argument too many',
      args: ['info', 'model.safetensors', 'other.safetensors'],
      says: ["'info'", 'got 2'],
    },
    { name: 'two of one kind', args: ['info', '--model', 'x', '--size', 'y'], says: ['--size', '--model'] },
  ]),
);

/** Values of one option of `sample`, and what is expected instead. */
const VALUES: readonly (readonly [option: string, value: string, says: string])[] = [
  ['steps', '0', 'steps is 0; expected an integer from 1 to 1000'],
  ['steps', '1001', 'steps is 1001; expected an integer from 1 to 1000'],
  ['steps', '2.5', "steps is '2.5'; expected an integer"],
  ['steps', 'many', "steps is 'many'; expected an integer"],
  ['steps', '', "steps is ''; expected an integer"],
  ['period', '0', 'period is 0; expected an integer of at least 1'],
  ['count', '0', 'count is 0; expected an integer from 1'],
  ['count', '1e9', 'count is 1000000000; expected an integer from 1'],
  ['seed', '-1', 'seed is -1; expected an integer of at least 0'],
  ['seed', '9007199254740992', 'expected an integer from 0 to 9007199254740991'],
  ['batch', '0', 'batch is 0; expected an integer of at least 1'],
  ['columns', '0', 'columns is 0; expected an integer of at least 1'],
  ['threads', '0', 'threads is 0; expected an integer of at least 1'],
  ['threads', '5000', 'threads is 5000; expected an integer from 1 to'],
  ['heads', '0', 'heads is 0; expected an integer of at least 1'],
  ['heads', '5', 'heads is 5; expected a divisor of the hidden size 32'],
  ['labels', 'seven', "label is 'seven'; expected a class from 0 to 3; this model has no names for them"],
  ['labels', '0,,1', "labels is '0,,1'; expected integers and ranges"],
  ['labels', '2-0', "labels is '2-0'; expected ranges that ascend"],
  ['labels', '0-99999999', "labels is '0-99999999'; expected at most"],
  ['labels', '0,4', 'label is 4; expected an integer from 0 to 3'],
  ['eta', '1.5', 'eta is 1.5; expected a finite number from 0 to 1'],
  ['guidance-scale', '-1', 'guidance-scale is -1; expected a finite number of at least 0'],
  ['guidance-scale', 'Infinity', 'guidance-scale is Infinity; expected a finite number'],
  ['guidance-channels', '2', 'guidanceChannels is 2; expected an integer from 1 to 1'],
  ['sampler', 'heun', "sampler is 'heun'; expected one of ddim, ddpm, dpm++2m, euler"],
  ['spacing', 'log', "spacing is 'log'; expected one of even, stride, leading, trailing, linspace"],
  ['variance', 'none', "variance is 'none'; expected one of learned, fixed-large"],
  ['variance', 'learned', "variance is 'learned'; expected no variance: ddim has none"],
  ['policy', 'lru', "policy is 'lru'; expected one of none, reuse, calibrated"],
  ['policy', 'calibrated', 'factors is missing; expected a file made by incache calibrate'],
  ['policy', 'teacache', 'threshold is missing; expected a relative change, which policy teacache needs'],
  ['threshold', '-1', 'threshold is -1; expected a finite number of at least 0'],
  [
    'threshold',
    '0.1',
    "policy is 'none'; expected teacache, first-block, fastcache, easycache or magcache, since --threshold is given",
  ],
  ['order', '4', 'order is 4; expected an integer from 0 to 3'],
  ['order', '1', "policy is 'none'; expected calibrated or taylorseer, since --order is given"],
  ['warmup', '0', 'warmup is 0; expected an integer of at least 1'],
  ['polynomial', '1,x', "polynomial is '1,x'; expected numbers, as in -3.5,0.1"],
  ['first-blocks', '0', 'first-blocks is 0; expected an integer of at least 1'],
  ['last-blocks', '-1', 'last-blocks is -1; expected an integer of at least 0'],
  ['max-cached', '0', 'max-cached is 0; expected an integer of at least 1'],
  ['theta', '2', 'theta is 2; expected a finite number from 0 to 1'],
  ['budget', '1.5', 'budget is 1.5; expected a finite number from 0 to 1'],
  ['cache-form', 'output', "cache-form is 'output'; expected one of input, rank"],
  ['cache-type', 'f8', "cache-type is 'f8'; expected one of e4m3"],
  ['weights', 'f64', "weights is 'f64'; expected one of f32, bf16, f16, int8"],
  ['backend', 'abacus', `backend is 'abacus'; expected one of ${present.join(', ')}`],
  ['out', 'samples.jpg', "out is 'samples.jpg'; expected a name that ends in .png or .npz"],
  ['out', 'samples', "out is 'samples'; expected a name that ends in .png or .npz"],
  ['out', 'nowhere/samples.png', "out is 'nowhere/samples.png'; expected a name in a folder that exists"],
  ['report', 'nowhere/run.json', "report is 'nowhere/run.json'; expected a name in a folder that exists"],
  ['report', inputs.folder, `report is '${inputs.folder}'; expected the name of a file`],
];

describe('values', { concurrency: 2 }, () =>
  testRefusals(
    VALUES.map(([option, value, says]) => ({
      name: `--${option} '${value}'`,
      args: sample(`--${option}`, value),
      says: [says],
    })),
  ),
);

const OTHERS: BadInput[] = [
  {
    name: 'a precision that the backend does not have',
    args: sample('--backend', 'reference', '--weights', 'int8'),
    says: ["weights is 'int8'", 'f32'],
  },
  {
    name: 'a period without a policy',
    args: sample('--period', '2'),
    says: ["policy is 'none'", 'reuse, calibrated, taylorseer, fitted or pab', '--period'],
  },
  {
    name: 'factors without their policy',
    args: sample('--policy', 'reuse', '--factors', 'f.safetensors'),
    says: ["policy is 'reuse'", 'calibrated', '--factors'],
  },
  {
    name: 'a router table without its policy',
    args: sample('--policy', 'reuse', '--table', 't.safetensors'),
    says: ["policy is 'reuse'", 'learning-to-cache', '--table'],
  },
  {
    name: 'learning-to-cache without a table',
    args: sample('--policy', 'learning-to-cache'),
    says: ['table is missing', 'logits of a router', 'learning-to-cache'],
  },
  {
    name: 'a period for a policy with a schedule of its own',
    args: sample('--policy', 'learning-to-cache', '--table', 't.safetensors', '--period', '2'),
    says: ["policy is 'learning-to-cache'", 'reuse, calibrated, taylorseer, fitted or pab', '--period'],
  },
  {
    name: 'a polynomial for a gate that has none',
    args: sample('--policy', 'fastcache', '--threshold', '0.1', '--polynomial', '1,0'),
    says: ["policy is 'fastcache'", 'teacache', '--polynomial'],
  },
  {
    name: 'nothing that a gate could keep',
    args: sample('--policy', 'teacache', '--threshold', '0.1', '--keep', 'all'),
    says: ["keep is 'all'; expected one of residual, outputs"],
  },
  {
    name: 'more blocks that always run than there are',
    args: sample('--policy', 'first-block', '--threshold', '0.1', '--last-blocks', '1'),
    says: ['firstBlocks + lastBlocks is 2', 'fewer than the 2 blocks of this model'],
  },
  {
    name: 'a router table that is not there',
    args: sample('--policy', 'learning-to-cache', '--table', 'nowhere.safetensors'),
    says: ['cannot read nowhere.safetensors'],
  },
  {
    name: 'a budget without errors',
    args: sample('--policy', 'searched', '--budget', '0.5'),
    says: ['errors is missing', 'a file made by incache measure', 'searched'],
  },
  {
    name: 'errors without a budget',
    args: sample('--policy', 'mixed', '--errors', 'e.safetensors'),
    says: ['budget is missing', 'a share of the MACs', 'mixed'],
  },
  {
    name: 'errors without their policy',
    args: sample('--policy', 'reuse', '--errors', 'e.safetensors'),
    says: ["policy is 'reuse'", 'searched or mixed', '--errors'],
  },
  {
    name: 'measure: factors that are none',
    args: ['measure', '--model', tiny, '--steps', '3', '--factors', tiny],
    says: ['is not a file of factors'],
  },
  {
    name: 'measure: a gap as long as the run',
    args: ['measure', '--model', tiny, '--steps', '3', '--gaps', '3'],
    says: ['gaps is 3', 'from 1 to 2'],
  },
  {
    name: 'two schedules',
    args: sample('--policy', 'reuse', '--period', '2', '--gather-steps', '0'),
    says: ['--period', 'cannot be used with', '--gather-steps'],
  },
  {
    name: 'gather steps without the first',
    args: sample('--policy', 'reuse', '--gather-steps', '1'),
    says: ['gather steps is [1]', 'includes step 0'],
  },
  {
    name: 'a gather step past the end',
    args: sample('--policy', 'reuse', '--gather-steps', '0,2'),
    says: ['gather step is 2', 'from 0 to 1'],
  },
  {
    name: 'eta of a sampler that has none',
    args: sample('--sampler', 'ddpm', '--eta', '0.5'),
    says: ['eta is 0.5', 'ddpm has none'],
  },
  {
    name: 'learned variance of a model without one',
    args: ['sample', '--model', plain, '--steps', '2', '--sampler', 'ddpm', '--variance', 'learned'],
    says: ["variance is 'learned'", 'fixed-large'],
  },
  {
    name: 'pictures of latents',
    args: ['sample', '--model', latent, '--steps', '2', '--out', 'samples.png'],
    says: ["out is 'samples.png'", '.npz', '4 latent channels'],
  },
  {
    name: 'an exported model as a checkpoint',
    args: [
      'calibrate',
      '--model',
      fileURLToPath(new URL('../../../test/data/tiny.incache', import.meta.url)),
    ],
    says: ['tiny.incache holds a model file of incache export'],
  },
  {
    name: 'singles of latents into a folder called .npz',
    args: ['sample', '--model', latent, '--steps', '2', '--single', '--out', 'x.npz'],
    says: ["out is 'x.npz'", '4 latent channels'],
  },
  {
    name: 'a folder as picture',
    args: sample('--out', inputs.path('folder.png')),
    says: ['out is', 'folder.png', 'name of a file'],
  },
  {
    name: 'a file as folder',
    args: sample('--single', '--out', inputs.path('file')),
    says: ['out is', 'name of a folder'],
  },
  {
    name: 'calibrate: unknown method',
    args: calibrate('--method', 'pca'),
    says: ["method is 'pca'", 'one of svd, ca, cd'],
  },
  {
    name: 'calibrate: a rank too high',
    args: calibrate('--rank', '33'),
    says: ['rank of blocks.0.q is 33', 'from 0 to 32'],
  },
  {
    name: "calibrate: one layer's rank too high",
    args: calibrate('--rank', '4', '--layer-rank', 'blocks.1.fc2=40'),
    says: ['rank of blocks.1.fc2 is 40', 'from 0 to 32'],
  },
  {
    name: 'calibrate: rank of an unknown layer',
    args: calibrate('--layer-rank', 'blocks.2.q=4'),
    says: ["layer-rank is 'blocks.2.q'", 'blocks.0 to blocks.1'],
  },
  {
    name: 'calibrate: rank of nothing',
    args: calibrate('--layer-rank', 'blocks.0.q'),
    says: ["layer-rank is 'blocks.0.q'", 'blocks.0.fc1=64'],
  },
  {
    name: 'calibrate: a batch that does not divide',
    args: calibrate('--method', 'cd', '--rank', '4', '--count', '4', '--batch', '3'),
    says: ['batch is 3', 'a divisor of the 4'],
  },
  {
    name: 'calibrate: increments of a single step',
    args: calibrate('--method', 'cd', '--rank', '4', '--count', '1', '--steps', '1'),
    says: ['steps is 1', 'at least 2'],
  },
  {
    name: 'calibrate: the order of a policy that the images do not follow',
    args: calibrate('--method', 'cd', '--images', inputs.path('file'), '--order', '1'),
    says: ['--order', 'cannot be used with', '--images'],
  },
  {
    name: 'calibrate: a rank that is spread and given',
    args: calibrate('--spread', '--layer-rank', 'blocks.0.q=4'),
    says: ['--spread', 'cannot be used with', '--layer-rank'],
  },
  {
    name: 'calibrate: images of another kind',
    args: calibrate('--method', 'cd', '--images', inputs.path('file')),
    says: ['images is', '.safetensors or .npz'],
  },
  {
    name: 'calibrate: nowhere to write',
    args: calibrate('--rank', '4', '--out', 'nowhere/factors.safetensors'),
    says: ["out is 'nowhere/factors.safetensors'", 'a folder that exists'],
  },
  {
    name: 'info: an unknown size',
    args: ['info', '--size', 'DiT-XXL/2'],
    says: ["model size is 'DiT-XXL/2'", 'as in DiT-XL/2'],
  },
  {
    name: 'info: a rank too high',
    args: ['info', '--model', tiny, '--rank', '33'],
    says: ['rank is 33', 'from 1 to 32'],
  },
  {
    name: 'info: an unknown policy',
    args: ['info', '--size', 'DiT-S/8', '--policy', 'lru'],
    says: ["policy is 'lru'", 'none, reuse, calibrated'],
  },
  { name: 'info: plans of nothing', args: ['info', '--plan'], says: ['model is missing', '--size'] },
  { name: 'demo: one step', args: ['demo', '--steps', '1'], says: ['steps is 1', 'from 2 to 1000'] },
  { name: 'demo: no picture', args: ['demo', '--out', 'demo.txt'], says: ["out is 'demo.txt'", '.png'] },
];

describe('combinations', { concurrency: 2 }, () => testRefusals(OTHERS));

test('--debug adds the stack trace', async () => {
  using place = new Workplace();
  const { code, stderr } = await incache(sample('--labels', '9', '--debug'), place.folder);
  assert.equal(code, 2);
  assert.match(stderr, /^incache: ArgumentError: label is 9; expected .*\n {4}at /);
});

test('no command at all prints the help and fails', async () => {
  using place = new Workplace();
  const { code, stdout, stderr } = await incache([], place.folder);
  assert.equal(code, 2);
  assert.equal(stdout, '');
  for (const command of ['sample', 'calibrate', 'info', 'demo']) assert.match(stderr, new RegExp(command));
});
