/** Runs a model and takes, on the device, the sums that calibration needs of every linear's input and output. */
import type { Device, DeviceWeights } from '../backend/backend.js';
import { requireLength } from '../cache/data/checks.js';
import { DenoisingSession, type TableRow } from '../engine/session.js';
import { planSession } from '../engine/sessionPlan.js';
import type { Actions } from '../models/layers/actions.js';
import type { LayerTap } from '../models/layers/context.js';
import type { Group, Layer, Network } from '../models/network.js';
import { computeAll } from '../models/stepPlans.js';
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
  readonly network: Network;
  readonly device: Device;
  readonly weights: DeviceWeights;
  /** Sequences a batch. */
  readonly sequences: number;
  /** Measure the change since the stored evaluation instead of the values themselves. */
  readonly increments: boolean;
  readonly secondMoments: boolean;
  /** For increments: what is done at every place, see `CalibrationSource`. */
  readonly places: readonly Actions[];
}

/** A group, whose layers are measured together: they have one input. */
interface Site {
  readonly group: Group;
  readonly input: SensitivityAccumulator;
  readonly output: SensitivityAccumulator;
  /** By layer, when second moments are collected. */
  readonly moments: ReadonlyMap<Layer, Float64Array>;
}

export class Probe implements Disposable {
  readonly #options: ProbeOptions;
  readonly #session: DenoisingSession;
  readonly #sites: readonly Site[];

  private constructor(options: ProbeOptions, session: DenoisingSession) {
    this.#options = options;
    this.#session = session;
    this.#sites = options.network.groups.map((group) => siteOf(group, options.secondMoments));
  }

  /** Rejects with an `OutOfMemoryError` when the device cannot hold it, and then holds nothing. */
  static async create(options: ProbeOptions): Promise<Probe> {
    const { network, device, weights, sequences, increments, places } = options;
    const steps = increments ? places : [computeAll(network)];
    const tap = statisticsTap(options);
    const plan = planSession(network, { sequences, conditions: sequences, steps, tap });
    return new Probe(options, await DenoisingSession.create(device, weights, plan));
  }

  /** Evaluates the network in full and adds the statistics of what `place` measures as one batch. */
  async evaluate(
    place: number,
    latents: Float32Array,
    conditions: readonly TableRow[],
  ): Promise<Float32Array> {
    const { increments, places } = this.#options;
    await this.#session.begin(conditions);
    await this.#session.condition(conditions);
    const rows = Int32Array.from(conditions.keys());
    const output = await this.#session.evaluate(increments ? place : 0, latents, rows);
    if (increments && !measures(places[place]!)) return output;
    for (const site of this.#sites) {
      site.input.addBatch(await this.#session.read(inputName(site.group)), this.#options.sequences);
      site.output.addBatch(await this.#session.read(outputName(site.group)), this.#options.sequences);
      for (const [layer, sum] of site.moments) addMoment(sum, await this.#session.read(momentName(layer)));
    }
    return output;
  }

  /** The sums of all evaluations so far by name, not copied, for `restore`. */
  state(): Map<string, Float64Array> {
    const state = new Map<string, Float64Array>();
    for (const { group, input, output, moments } of this.#sites) {
      for (const [side, accumulator] of Object.entries({ input, output }))
        for (const [part, values] of Object.entries(accumulator.state()))
          state.set(`${group.name}.${side}.${part}`, values);
      for (const [layer, sum] of moments) state.set(momentName(layer), sum);
    }
    return state;
  }

  /** Forgets all sums. */
  clear(): void {
    for (const { input, output, moments } of this.#sites) {
      input.clear();
      output.clear();
      for (const sum of moments.values()) sum.fill(0);
    }
  }

  /** Goes on from the sums of another probe of the same model and options. */
  restore(saved: (name: string) => Float64Array): void {
    for (const { group, input, output, moments } of this.#sites) {
      for (const [side, accumulator] of Object.entries({ input, output })) {
        const part = (name: string) => saved(`${group.name}.${side}.${name}`);
        accumulator.restore({ sum: part('sum'), magnitudes: part('magnitudes'), counts: part('counts') });
      }
      for (const [layer, sum] of moments) {
        const values = saved(momentName(layer));
        requireLength(momentName(layer), values, sum.length);
        sum.set(values);
      }
    }
  }

  /** The statistics of all batches so far, by layer. */
  finish(): Map<string, LayerStatistics> {
    const statistics = new Map<string, LayerStatistics>();
    for (const { group, input, output, moments } of this.#sites) {
      const { layers } = group;
      const [inputs] = input.finish() as [Float64Array];
      const outputs = output.finish(layers.length);
      const [inputMagnitudes] = input.magnitudes() as [Float64Array];
      const outputMagnitudes = output.magnitudes(layers.length);
      for (const [part, layer] of layers.entries()) {
        const sum = moments.get(layer);
        statistics.set(layer.name, {
          input: inputs,
          output: outputs[part]!,
          inputMagnitudes,
          outputMagnitudes: outputMagnitudes[part]!,
          ...(sum && { moment: { side: momentSide(layer), sum } }),
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

/** Whether increments are taken at a place: of all layers, or of none. */
function measures(actions: Actions): boolean {
  const [first] = actions.values();
  return !first!.compute && first!.increment;
}

/** Appends the sums of one layer to the plan, as outputs. */
function statisticsTap({ sequences, increments, secondMoments }: ProbeOptions): LayerTap {
  return (builder, { layer, group, place, calibrated, x, y, cachedInput, cachedOutput }) => {
    if (increments && !calibrated) return;
    const previousInput = increments && { previous: cachedInput() };
    const previousOutput = increments && { previous: cachedOutput() };
    // The input of the whole group is measured once.
    if (place === 0) {
      const out = builder.output(inputName(group), sequences, x.columns);
      builder.append({ op: 'channelStatistics', x, ...previousInput, out });
    }
    const outputs = builder.output(outputName(group), sequences, group.layers.length * y.columns);
    const out = sliceColumns(outputs, place * y.columns, y.columns);
    builder.append({ op: 'channelStatistics', x: y, ...previousOutput, out });
    if (!secondMoments) return;
    const of = momentSide(layer) === 'input' ? { x, ...previousInput } : { x: y, ...previousOutput };
    const moment = builder.output(momentName(layer), of.x.columns, of.x.columns);
    builder.append({ op: 'secondMoment', ...of, out: moment });
  };
}

function siteOf(group: Group, secondMoments: boolean): Site {
  const { layers } = group;
  const { inputs, outputs } = layers[0]!;
  const side = Math.min(inputs, outputs);
  const moments = secondMoments ? layers.map((layer) => [layer, new Float64Array(side * side)] as const) : [];
  return {
    group,
    input: new SensitivityAccumulator(inputs),
    output: new SensitivityAccumulator(layers.length * outputs),
    moments: new Map(moments),
  };
}

/** The outputs' moment costs no inverse (`whitenedFactors`), so it is taken unless they are the wider side. */
function momentSide({ inputs, outputs }: Layer): MomentSide {
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

const inputName = ({ name }: Group) => `statistics.${name}.input`;
const outputName = ({ name }: Group) => `statistics.${name}.output`;
const momentName = ({ name }: Layer) => `statistics.${name}.moment`;
