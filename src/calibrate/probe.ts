/** Runs a model and takes, on the device, the sums that calibration needs of every linear's input and output. */
import type { Device, DeviceWeights } from '../backend/backend.js';
import type { StepActions } from '../cache/policy.js';
import { type Condition, DenoisingSession } from '../engine/session.js';
import { planSession } from '../engine/sessionPlan.js';
import {
  type BlockLinear,
  computeAll,
  type DiTConfig,
  type LinearTap,
  layerName,
  linearShape,
} from '../models/dit/index.js';
import { sliceColumns } from '../plan/builder.js';
import { SensitivityAccumulator } from './sensitivity.js';

/** The side of a linear whose second moment is collected: the narrower one. */
export type MomentSide = 'input' | 'output';

export interface LayerStatistics {
  /** Sensitivities of input and output channels (METHOD: Sensitivity of one channel), before the +1e-6. */
  readonly input: Float64Array;
  readonly output: Float64Array;
  /** The mean over images and tokens of |value| (or |increment|) of every channel. */
  readonly inputMagnitudes: Float64Array;
  readonly outputMagnitudes: Float64Array;
  /**
   * Sum of d d^T over the tokens of an evaluation, over the root of its trace, added up over evaluations, for the values (or
   * increments) d of one side; present when asked for. Unscaled, the last steps of a trajectory, at which changes are
   * the largest by far, would decide alone.
   */
  readonly moment?: { readonly side: MomentSide; readonly sum: Float64Array };
}

export interface ProbeOptions {
  readonly config: DiTConfig;
  readonly device: Device;
  readonly weights: DeviceWeights;
  /** Sequences a batch. */
  readonly sequences: number;
  /** Measure the change since the stored evaluation instead of the values themselves. */
  readonly increments: boolean;
  readonly secondMoments: boolean;
  /** Of increments: what is done at every place, see `CalibrationSource`. */
  readonly places: readonly StepActions[];
}

/** A linear of the checkpoint: q, k and v are measured as the one that they are there. */
interface Site {
  readonly name: string;
  readonly linears: readonly { readonly layer: string; readonly linear: BlockLinear }[];
  readonly input: SensitivityAccumulator;
  readonly output: SensitivityAccumulator;
  /** By layer, when second moments are collected. */
  readonly moments: ReadonlyMap<string, Float64Array>;
}

export class Probe implements Disposable {
  readonly #options: ProbeOptions;
  readonly #session: DenoisingSession;
  readonly #sites: readonly Site[];

  private constructor(options: ProbeOptions, session: DenoisingSession) {
    const { config } = options;
    this.#options = options;
    this.#session = session;
    this.#sites = Array.from({ length: config.depth }, (_, block) =>
      SITES.map((linears) => siteOf(block, linears, options)),
    ).flat();
  }

  /** Rejects with an `OutOfMemoryError` when the device cannot hold it, and then holds nothing. */
  static async create(options: ProbeOptions): Promise<Probe> {
    const { config, device, weights, sequences, increments, places } = options;
    const steps = increments ? places : [computeAll(config.depth)];
    const plan = planSession(config, { sequences, labels: sequences, steps, tap: statisticsTap(options) });
    return new Probe(options, await DenoisingSession.create(device, weights, plan));
  }

  /** Evaluates the network in full and adds the statistics of what `place` measures as one batch. */
  async evaluate(
    place: number,
    latents: Float32Array,
    conditions: readonly Condition[],
  ): Promise<Float32Array> {
    const { increments, places } = this.#options;
    await this.#session.condition(conditions);
    const rows = Int32Array.from(conditions.keys());
    const output = await this.#session.evaluate(increments ? place : 0, latents, rows);
    if (increments && !measures(places[place]!)) return output;
    for (const site of this.#sites) {
      site.input.addBatch(await this.#session.read(inputName(site.name)), this.#options.sequences);
      site.output.addBatch(await this.#session.read(outputName(site.name)), this.#options.sequences);
      for (const [layer, sum] of site.moments) addMoment(sum, await this.#session.read(momentName(layer)));
    }
    return output;
  }

  /** The statistics of all batches so far, by layer. */
  finish(): Map<string, LayerStatistics> {
    const statistics = new Map<string, LayerStatistics>();
    for (const { linears, input, output, moments } of this.#sites) {
      const [inputs] = input.finish() as [Float64Array];
      const outputs = output.finish(linears.length);
      const [inputMagnitudes] = input.magnitudes() as [Float64Array];
      const outputMagnitudes = output.magnitudes(linears.length);
      for (const [part, { layer, linear }] of linears.entries()) {
        const sum = moments.get(layer);
        statistics.set(layer, {
          input: inputs,
          output: outputs[part]!,
          inputMagnitudes,
          outputMagnitudes: outputMagnitudes[part]!,
          ...(sum && { moment: { side: momentSide(linear, this.#options.config), sum } }),
        });
      }
    }
    return statistics;
  }

  dispose(): void {
    this.#session.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** Whether increments are taken at a place: of all linears, or of none. */
function measures([block]: StepActions): boolean {
  const { q } = block!;
  return q === 'calibrate' || (typeof q === 'object' && q.kind === 'combine');
}

/** Appends the sums of one linear to the plan, as outputs. */
function statisticsTap({ config, sequences, increments, secondMoments }: ProbeOptions): LinearTap {
  return (builder, { layer, calibrated, x, y, cachedInput, cachedOutput }) => {
    if (increments && !calibrated) return;
    const [site, place] = siteOfLayer(layer);
    const previousInput = increments && { previous: cachedInput() };
    const previousOutput = increments && { previous: cachedOutput() };
    // q, k and v have the same input: it is measured once.
    if (place === 0) {
      const out = builder.output(inputName(site), sequences, x.columns);
      builder.append({ op: 'channelStatistics', x, ...previousInput, out });
    }
    const parts = site.endsWith('qkv') ? 3 : 1;
    const outputs = builder.output(outputName(site), sequences, parts * y.columns);
    const out = sliceColumns(outputs, place * y.columns, y.columns);
    builder.append({ op: 'channelStatistics', x: y, ...previousOutput, out });
    if (!secondMoments) return;
    const side = momentSide(layer.split('.').at(-1) as BlockLinear, config);
    const of = side === 'input' ? { x, ...previousInput } : { x: y, ...previousOutput };
    const moment = builder.output(momentName(layer), of.x.columns, of.x.columns);
    builder.append({ op: 'secondMoment', ...of, out: moment });
  };
}

const SITES = [
  ['q', 'k', 'v'],
  ['proj'],
  ['fc1'],
  ['fc2'],
] as const satisfies readonly (readonly BlockLinear[])[];

function siteOf(
  block: number,
  linears: readonly BlockLinear[],
  { config, secondMoments }: ProbeOptions,
): Site {
  const layers = linears.map((linear) => ({ layer: layerName(block, linear), linear }));
  const { inputs, outputs } = linearShape(linears[0]!, config);
  const side = Math.min(inputs, outputs);
  const moments = secondMoments
    ? layers.map(({ layer }) => [layer, new Float64Array(side * side)] as const)
    : [];
  return {
    name: siteOfLayer(layers[0]!.layer)[0],
    linears: layers,
    input: new SensitivityAccumulator(inputs),
    output: new SensitivityAccumulator(linears.length * outputs),
    moments: new Map(moments),
  };
}

/** The site of a layer and the layer's place in it: `blocks.0.k` is the second of `blocks.0.qkv`. */
function siteOfLayer(layer: string): [string, number] {
  const place = ['q', 'k', 'v'].indexOf(layer.split('.').at(-1)!);
  return place < 0 ? [layer, 0] : [`${layer.slice(0, -1)}qkv`, place];
}

/** The outputs' moment costs no inverse (`whitenedFactors`), so it is taken unless they are the wider side. */
function momentSide(linear: BlockLinear, config: DiTConfig): MomentSide {
  const { inputs, outputs } = linearShape(linear, config);
  return outputs <= inputs ? 'output' : 'input';
}

/** Adds a second moment over the root of its trace. */
function addMoment(sum: Float64Array, values: Float32Array): void {
  const size = Math.sqrt(sum.length);
  let trace = 0;
  for (let i = 0; i < size; i++) trace += values[i * size + i]!;
  if (trace === 0) return;
  const weight = 1 / Math.sqrt(trace);
  for (let i = 0; i < sum.length; i++) sum[i]! += weight * values[i]!;
}

const inputName = (site: string) => `statistics.${site}.input`;
const outputName = (site: string) => `statistics.${site}.output`;
const momentName = (layer: string) => `statistics.${layer}.moment`;
