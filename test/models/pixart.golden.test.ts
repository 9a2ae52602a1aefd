/** PixArt beside diffusers' and the original code: one evaluation with what its parts gave, in either's files, on every backend. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import type { Device, DeviceWeights } from '../../src/backend/backend.js';
import { openDevice, probeBackends } from '../../src/backend/choose.js';
import { guide } from '../../src/diffusion/guidance.js';
import { splitPrediction } from '../../src/diffusion/prediction.js';
import { DenoiserCheckpoint } from '../../src/engine/checkpoint.js';
import { type ConditionValues, DenoisingSession, type TableRow } from '../../src/engine/session.js';
import { planSession } from '../../src/engine/sessionPlan.js';
import type { NetworkHints } from '../../src/models/families.js';
import type { Geometry } from '../../src/models/network.js';
import { emitCaption, emitTimestep } from '../../src/models/pixart/conditioning.js';
import { KV_SAMPLINGS, NULL_CAPTION, type PixArtConfig } from '../../src/models/pixart/config.js';
import { computeAll } from '../../src/models/stepPlans.js';
import { positionsName } from '../../src/models/transformer/positions.js';
import { copyOp, PlanBuilder } from '../../src/plan/builder.js';
import type { View } from '../../src/plan/types.js';
import type { SafetensorsFile } from '../../src/weights/safetensors.js';
import { assertClose } from '../support/compare.js';
import { goldenFiles, goldenFolder, openGolden, requireKind } from '../support/golden.js';
import { runPlan } from '../support/runPlan.js';

const TOLERANCE = 1e-4;

const FORWARD = /^forward\.golden\.safetensors$/;
const models = ['pixart', 'text/pixart'].flatMap((above) =>
  goldenFiles(/./, above).flatMap((folder) => {
    const [file] = goldenFiles(FORWARD, folder);
    const weights = ['transformer', 'official.pth']
      .map((name) => `${folder}/${name}`)
      .filter((path) => existsSync(`${goldenFolder()}/${path}`));
    if (file === undefined) return [];
    // Of a model with compressed keys and values an output for each way to make them fewer.
    using golden = openGolden(file);
    const samplings = KV_SAMPLINGS.filter((sampling) => golden.names.includes(`out.${sampling}`));
    const cases = samplings.length === 0 ? [undefined] : samplings;
    return weights.flatMap((path) => cases.map((kvSampling) => ({ folder, file, path, kvSampling })));
  }),
);
requireKind('evaluations of a PixArt', models);

/** What the original's files do not say, by the configuration beside them. */
function hintsOf(folder: string, path: string, golden: SafetensorsFile): NetworkHints {
  const captionTokens = golden.entry('y').shape[1]!;
  if (!path.endsWith('.pth')) return { captionTokens };
  const [file] = ['transformer/config.json', 'config.json']
    .map((name) => `${goldenFolder()}/${folder}/${name}`)
    .filter((name) => existsSync(name));
  const config = JSON.parse(readFileSync(file!, 'utf8'));
  return {
    captionTokens,
    heads: config.num_attention_heads ?? config.num_heads,
    sampleSize: config.sample_size ?? config.input_size,
    positionScale: config.interpolation_scale ?? config.pe_interpolation,
  };
}

/** Of each sequence: its timestep, its caption with the number of tokens that count, and the size of its picture. */
interface Evaluation {
  readonly latents: Float32Array;
  readonly geometry: Geometry;
  readonly timesteps: readonly number[];
  readonly text: readonly Float32Array[];
  readonly lengths: readonly number[];
  /** Height, width and their ratio; empty where the network is told of none. */
  readonly size: readonly (readonly number[])[];
}

for (const { name: backend, available, detail } of await probeBackends())
  describe(`PixArt on ${backend}`, { skip: !available && detail }, () => {
    let device: Device;
    before(async () => {
      device = await openDevice(backend, { weights: 'f32' });
    });
    after(() => device?.dispose());

    for (const { folder, file, path, kvSampling } of models)
      describe(kvSampling ? `${path}, ${kvSampling}` : path, () => {
        const suffix = kvSampling ? `.${kvSampling}` : '';
        const golden = openGolden(file);
        let weights: DeviceWeights;
        before(() => {
          weights = device.loadWeights(checkpoint);
        });
        after(() => weights?.dispose());
        const checkpoint = new DenoiserCheckpoint(`${goldenFolder()}/${path}`, {
          ...hintsOf(folder, path, golden),
          ...(kvSampling && { kvSampling }),
        });
        const { network } = checkpoint;
        const config = network.config as PixArtConfig;
        const has = (name: string) => golden.names.includes(name);
        const close = (name: string, actual: ArrayLike<number>, expected = golden.read(name)) =>
          assertClose(actual, expected, TOLERANCE, name);

        const geometryOf = (name: string): Geometry => {
          const [, , height, width] = golden.entry(name).shape;
          return { height: height!, width: width! };
        };
        const rowsOf = (name: string): Float32Array[] => {
          const values = golden.read(name);
          const [count] = golden.entry(name).shape;
          const size = values.length / count!;
          return Array.from({ length: count! }, (_, i) => values.subarray(i * size, (i + 1) * size));
        };
        const tokensOf = (mask: Float32Array) => mask.reduce((sum, one) => sum + one, 0);
        const sizes = has('resolution')
          ? rowsOf('resolution').map((row, i) => [...row, ...rowsOf('aspect_ratio')[i]!])
          : [];

        const evaluate = async ({ latents, geometry, timesteps, text, lengths, size }: Evaluation) => {
          const sequences = timesteps.length;
          const outputs: string[] = [];
          const keep = (builder: PlanBuilder, name: string, view: View) => {
            outputs.push(name);
            builder.append(copyOp(view, builder.output(name, view.rows, view.columns)));
          };
          const plan = planSession(network, {
            ...{ sequences, conditions: sequences, geometry, steps: [computeAll(network)] },
            onSublayer: (builder, sublayer, stream) => {
              const [, block] = /^blocks\.(\d+)\.mlp$/.exec(sublayer) ?? [];
              if (block !== undefined) keep(builder, `block${block}`, stream);
            },
            tap: (builder, { layer, y }) => {
              const part = PARTS[layer.kind];
              if (layer.block === 'blocks.0' && part !== undefined) keep(builder, `block0.${part}`, y);
            },
          });
          using session = await DenoisingSession.create(device, weights, plan);
          const conditions = timesteps.map((timestep, i): TableRow & ConditionValues => ({
            timestep,
            conditions: {
              text: text[i]!,
              textLengths: [lengths[i]!],
              ...(size.length > 0 && { size: size[i]! }),
            },
          }));
          await session.begin(conditions);
          await session.condition(conditions);
          const out = await session.evaluate(0, latents, Int32Array.from(timesteps.keys()));
          const read = outputs.map(async (name) => [name, await session.read(name)] as const);
          return { out, parts: new Map(await Promise.all(read)) };
        };

        const recorded = (): Evaluation => ({
          latents: golden.read('x'),
          geometry: geometryOf('x'),
          timesteps: [...golden.read('t')],
          text: rowsOf('y'),
          lengths: rowsOf('mask').map(tokensOf),
          size: sizes,
        });

        const runs = golden.names.filter((name) =>
          kvSampling ? name === `out${suffix}` : /^out(\.(official|nomask))?$/.test(name),
        );
        for (const name of runs)
          test(name, async () => {
            const evaluation = recorded();
            const lengths = evaluation.lengths.map((length) =>
              name === 'out.nomask' ? config.captionTokens : length,
            );
            const { out, parts } = await evaluate({ ...evaluation, lengths });
            close(name, out);
            if (name !== `out${suffix}`) return;
            for (const [part, values] of parts) if (has(part + suffix)) close(part + suffix, values);
          });

        test('the caption, the timestep and the positions', {
          skip: !has('caption') && 'not recorded',
        }, async () => {
          const { geometry, timesteps } = recorded();
          const sequences = timesteps.length;
          const builder = new PlanBuilder('parts');
          const keep = (name: string, view: View) =>
            builder.append(copyOp(view, builder.output(name, view.rows, view.columns)));
          keep('caption', emitCaption(builder, config, { sequences, activations: 'f32' }));
          keep('t_embed', emitTimestep(builder, config, sequences));
          const outputs = await runPlan(device, builder.build(), checkpoint, {
            text: golden.read('y'),
            timesteps: golden.read('t'),
            ...(sizes.length > 0 && { size: Float32Array.from(sizes.flat()) }),
          });
          for (const [name, values] of outputs) if (has(name)) close(name, values);
          close('pos_embed', checkpoint.read(positionsName(config, geometry)));
        });

        test('the size that it was trained for', { skip: !has('square.x') && 'not recorded' }, async () => {
          const { timesteps, text, lengths } = recorded();
          const { out } = await evaluate({
            latents: golden.read('square.x'),
            geometry: geometryOf('square.x'),
            timesteps: timesteps.slice(0, 1),
            text: text.slice(0, 1),
            lengths: lengths.slice(0, 1),
            size: sizes.slice(0, 1),
          });
          close('square.out', out);
        });

        test('guidance by the null caption', { skip: !has('cfg.x') && 'not recorded' }, async () => {
          const { timesteps: _, lengths } = recorded();
          const [timestep, scale] = [golden.read('cfg.t')[0]!, golden.read('cfg.scale')[0]!];
          const latents = golden.read('cfg.x');
          const geometry = geometryOf('cfg.x');
          if (path.endsWith('.pth')) assert.deepEqual(checkpoint.read(NULL_CAPTION), golden.read('cfg.null'));
          const { out } = await evaluate({
            latents: Float32Array.from([...latents, ...latents]),
            geometry,
            timesteps: [timestep, timestep],
            text: [golden.read('cfg.y'), golden.read('cfg.null')],
            lengths: [lengths[0]!, lengths[0]!],
            size: sizes.slice(0, 1).flatMap((size) => [size, size]),
          });
          close('cfg.raw', out);
          const { channels } = network.latents;
          const shape = {
            images: 1,
            channels,
            pixels: geometry.height * geometry.width,
            learnSigma: network.predicts.variance,
          };
          close('cfg.eps', guide(out, { ...shape, scale, guidanceChannels: network.guidanceChannels }).noise);
          if (!has('cfg.first3')) return;
          const expected = splitPrediction(golden.read('cfg.first3'), { ...shape, images: 2 }).noise;
          const { noise } = guide(out, { ...shape, scale, guidanceChannels: 3 });
          close('cfg.first3', noise, expected.subarray(0, noise.length));
        });
      });
  });

/** What the layers that end a sublayer give, by their names in the files. */
const PARTS: Readonly<Record<string, string>> = { proj: 'attn1', crossProj: 'attn2', fc2: 'ff' };
