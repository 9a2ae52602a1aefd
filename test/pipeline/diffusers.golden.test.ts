/** Runs of diffusers' pipelines, step by step: folders as diffusers writes them, their own and other schedulers. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { decode } from 'fast-png';
import { probeBackends } from '../../src/backend/choose.js';
import type { DenoiserCheckpoint } from '../../src/engine/checkpoint.js';
import { StepNetwork, Trajectory } from '../../src/evaluate/runs/stepwise.js';
import type { SampleOptions } from '../../src/pipeline/options.js';
import { Pipeline } from '../../src/pipeline/pipeline.js';
import type { SafetensorsFile } from '../../src/weights/safetensors.js';
import { assertClose } from '../support/compare.js';
import { goldenFiles, goldenFolder, openGolden, requireKind, toleranceOf } from '../support/golden.js';

const NAME = /^pipeline\.(ddim|dpmpp|euler)(\d+)(?:-(\w+))?(?:\.diffusers-([\d.]+))?\.safetensors$/;

/** Our samplers, and the classes of diffusers with the spacing that they have where a configuration is silent. */
const SAMPLERS = {
  ddim: { sampler: 'ddim', className: 'DDIMScheduler', spacing: 'leading' },
  dpmpp: { sampler: 'dpm++2m', className: 'DPMSolverMultistepScheduler', spacing: 'linspace' },
  euler: { sampler: 'euler', className: 'EulerDiscreteScheduler', spacing: 'linspace' },
} as const;

/** Until this version DPM-Solver++ ended at the first training timestep. */
const ENDS_AT_SIGMA_MIN = '0.12';

/** Folders of whole pipelines, beside the runs recorded with them. */
const sets = goldenFiles(/-dit$/, 'checkpoints').map((set) => {
  const runs = goldenFiles(/^pipeline\..*\.safetensors$/, set);
  const folders = goldenFiles(/./, set).filter((path) => goldenFiles(/^model_index\.json$/, path).length > 0);
  return { set, runs, folders };
});
const recorded = sets.flatMap(({ runs }) => runs);
requireKind('runs of diffusers pipelines', recorded);

for (const { name: backend, available, detail } of await probeBackends())
  for (const { runs, folders } of sets)
    for (const folder of folders)
      describe(`${folder} on ${backend}`, { skip: available ? false : detail }, () => {
        let pipeline: Pipeline;
        before(async () => {
          pipeline = await Pipeline.load(`${goldenFolder()}/${folder}`, { backend, weights: 'f32' });
        });
        after(() => pipeline.dispose());

        for (const file of runs)
          test(file.split('/').at(-1)!, async () => {
            using golden = openGolden(file);
            const options = optionsOf(file, golden, pipeline.checkpoint);
            const follow = options.sampler === 'euler' ? followPredictions : followRun;
            await follow(pipeline, golden, options, toleranceOf(file, 1e-3));
          });
      });

/**
 * Meta's code on the same weights: its timestep frequencies, its timesteps, and guidance on three channels or on all.
 */
for (const { name: backend, available, detail } of await probeBackends())
  for (const { set, folders } of sets)
    for (const file of goldenFiles(/^meta-sampler\.ddim\d+\.safetensors$/, set))
      test(`${file} on ${backend}`, { skip: available ? false : detail }, async () => {
        using golden = openGolden(file);
        const path = `${goldenFolder()}/${folders[0]}`;
        await using pipeline = await Pipeline.load(path, { backend, weights: 'f32', frequencyShift: 0 });
        for (const [field, guidanceChannels] of [
          ['trajectory_first3', 3],
          ['trajectory_all', pipeline.network.latents.channels],
        ] as const) {
          const options: SampleOptions = {
            labels: golden.readIntegers('y'),
            steps: golden.entry(field).shape[0]!,
            spacing: 'stride',
            guidanceScale: golden.read('cfg_scale')[0]!,
            guidanceChannels,
            noise: golden.read('z'),
          };
          await followRun(pipeline, golden, options, toleranceOf(file, 1e-3), field);
        }
      });

/** The run as a user of the folder asks for it: classes by name, and no more than what the folder does not say. */
function optionsOf(
  file: string,
  golden: SafetensorsFile,
  { labels, scheduler = {} }: DenoiserCheckpoint,
): SampleOptions {
  const [, kind, steps, variant, version] = NAME.exec(file.split('/').at(-1)!)!;
  const { sampler, className, spacing: usual } = SAMPLERS[kind as keyof typeof SAMPLERS];
  const spacing = variant === 'leading' ? variant : usual;
  const classes = golden.readIntegers('class_labels').map((label) => {
    const name = labels.names.get(label) ?? '';
    return name !== '' && labels.find(name) === label ? name : label;
  });
  return {
    labels: classes,
    steps: Number(steps),
    guidanceScale: golden.read('guidance_scale')[0]!,
    noise: golden.read('z'),
    ...(scheduler._class_name !== className && { sampler }),
    ...(spacing !== (scheduler.timestep_spacing ?? usual) && { spacing }),
    ...(version?.startsWith(ENDS_AT_SIGMA_MIN) && {
      scheduler: { ...scheduler, final_sigmas_type: 'sigma_min' },
    }),
  };
}

async function followRun(
  pipeline: Pipeline,
  golden: SafetensorsFile,
  options: SampleOptions,
  tolerance: number,
  field = 'latents',
): Promise<void> {
  const timesteps = golden.readFloat64('timesteps');
  const latents = golden.read(field);
  const size = options.noise!.length;
  let last = -1;
  let reached: Float32Array = new Float32Array();
  for await (const step of pipeline.sample(options)) {
    assert.ok(Math.abs(step.timestep - timesteps[step.index]!) < 1e-3, `timestep of step ${step.index}`);
    const expected = latents.subarray(step.index * size, (step.index + 1) * size);
    reached = step.latents();
    assertClose(reached, expected, tolerance, `latents after step ${step.index}`);
    last = step.index;
  }
  assert.equal(last, options.steps! - 1);
  if (pipeline.decoder.isPresent && golden.tensors.has('image_u8'))
    await comparePictures(pipeline, golden, reached);
}

/** The pictures of the latents that the run has reached, as bytes and as PNG, within 1 of 255 of the recorded ones. */
async function comparePictures(
  pipeline: Pipeline,
  golden: SafetensorsFile,
  latents: Float32Array,
): Promise<void> {
  const shape = pipeline.network.latents;
  const [images, height, width] = golden.entry('image_u8').shape as [number, number, number, number];
  const pictures = await pipeline.decode(latents, [images, shape.channels, shape.height, shape.width]);
  const expected = golden.bytes('image_u8');
  const size = height * width * 3;
  assert.equal(pictures.length, images);
  for (const [image, picture] of pictures.entries()) {
    assert.deepEqual([picture.height, picture.width, picture.channels], [height, width, 3]);
    assertBytes(picture.data, expected.subarray(image * size, (image + 1) * size));
    assert.deepEqual(Uint8Array.from(decode(picture.toPng()).data), picture.data);
    const png = `${dirname(golden.path)}/${basename(golden.path, '.safetensors')}.${image}.png`;
    if (existsSync(png)) assertBytes(picture.data, Uint8Array.from(decode(readFileSync(png)).data));
  }
}

function assertBytes(actual: Uint8Array, expected: Uint8Array): void {
  assert.equal(actual.length, expected.length);
  const most = actual.reduce((max, value, i) => Math.max(max, Math.abs(value - expected[i]!)), 0);
  assert.ok(most <= 1, `a byte of the picture differs by ${most}`);
}

/**
 * Of Euler's method the recorded pipeline gives its scheduler the latents as the network takes them, without their noise
 * level: not a run to follow. What the network predicts for these latents is compared; the method itself is in
 * `scheduler-steps`.
 */
async function followPredictions(
  pipeline: Pipeline,
  golden: SafetensorsFile,
  options: SampleOptions,
  tolerance: number,
): Promise<void> {
  const trajectory = new Trajectory(pipeline, options);
  const sigmas = golden.read('sigmas');
  const [latents, guided] = [golden.read('latents'), golden.read('guided')];
  const size = options.noise!.length;
  using network = await StepNetwork.create(trajectory, {}, 1);
  for (let step = 0; step < trajectory.steps; step++) {
    const scale = Math.hypot(sigmas[step]!, 1);
    const input =
      step === 0
        ? options.noise!
        : latents.subarray((step - 1) * size, step * size).map((value) => value / scale);
    const { noise } = await network.predict(0, step, input);
    assertClose(
      noise,
      guided.subarray(step * size, (step + 1) * size),
      tolerance,
      `prediction of step ${step}`,
    );
  }
}
