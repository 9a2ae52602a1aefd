/** Runs a model and takes, on the device, the sums that calibration needs of every linear's input and output. */
import type { Device, DeviceWeights } from '../backend/backend.js';
import { type Condition, DenoisingSession } from '../engine/session.js';
import { planSession } from '../engine/sessionPlan.js';
import {
  BLOCK_LINEARS,
  type BlockLinear,
  computeAll,
  type DiTConfig,
  type LinearTap,
  layerName,
  linearShape,
  uniformActions,
} from '../models/index.js';
import { SensitivityAccumulator } from './sensitivity.js';

/** The side of a linear whose second moment is collected: the narrower one. */
export type MomentSide = 'input' | 'output';

export interface LayerStatistics {
  /** Sensitivities of input and output channels (METHOD: Sensitivity of one channel), before the +1e-6. */
  readonly input: Float64Array;
  readonly output: Float64Array;
  /** Sum over tokens of d d^T for the values (or increments) d of one side; present when asked for. */
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
}

interface Accumulators {
  readonly input: SensitivityAccumulator;
  readonly output: SensitivityAccumulator;
  readonly moment: Float64Array | undefined;
}

const STORE = 0;
const MEASURE = 1;

export class Probe implements Disposable {
  readonly #options: ProbeOptions;
  readonly #session: DenoisingSession;
  readonly #layers = new Map<string, { linear: BlockLinear; sums: Accumulators }>();

  constructor(options: ProbeOptions) {
    const { config, device, weights, sequences } = options;
    this.#options = options;
    const steps = [
      Array.from({ length: config.depth }, () => uniformActions(options.increments ? 'store' : 'compute')),
      computeAll(config.depth),
    ];
    const plan = planSession(config, { sequences, labels: sequences, steps, tap: statisticsTap(options) });
    this.#session = new DenoisingSession(device, weights, plan);
    for (let block = 0; block < config.depth; block++)
      for (const linear of BLOCK_LINEARS)
        this.#layers.set(layerName(block, linear), { linear, sums: accumulators(linear, options) });
  }

  /** Evaluates the network in full and keeps every linear's input and output for the next `measure`. */
  async store(latents: Float32Array, conditions: readonly Condition[]): Promise<Float32Array> {
    return this.#evaluate(STORE, latents, conditions);
  }

  /** Evaluates the network in full and adds its statistics as one batch. */
  async measure(latents: Float32Array, conditions: readonly Condition[]): Promise<Float32Array> {
    const output = await this.#evaluate(MEASURE, latents, conditions);
    for (const [layer, { sums }] of this.#layers) {
      sums.input.addBatch(this.#session.read(inputName(layer)), this.#options.sequences);
      sums.output.addBatch(this.#session.read(outputName(layer)), this.#options.sequences);
      if (sums.moment) addTo(sums.moment, this.#session.read(momentName(layer)));
    }
    return output;
  }

  /** The statistics of all batches so far, by layer. */
  finish(): Map<string, LayerStatistics> {
    const statistics = new Map<string, LayerStatistics>();
    for (const [layer, { linear, sums }] of this.#layers)
      statistics.set(layer, {
        input: sums.input.finish(),
        output: sums.output.finish(),
        ...(sums.moment && { moment: { side: momentSide(linear, this.#options.config), sum: sums.moment } }),
      });
    return statistics;
  }

  dispose(): void {
    this.#session.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  async #evaluate(
    step: number,
    latents: Float32Array,
    conditions: readonly Condition[],
  ): Promise<Float32Array> {
    await this.#session.condition(conditions);
    return this.#session.evaluate(step, latents, Int32Array.from(conditions.keys()));
  }
}

/** Appends the sums of one linear to the plan, as outputs. */
function statisticsTap({ config, sequences, increments, secondMoments }: ProbeOptions): LinearTap {
  return (builder, { layer, x, y, cachedInput, cachedOutput }) => {
    const previousInput = increments && { previous: cachedInput() };
    const previousOutput = increments && { previous: cachedOutput() };
    const input = builder.output(inputName(layer), sequences, x.columns);
    const output = builder.output(outputName(layer), sequences, y.columns);
    builder.append({ op: 'channelStatistics', x, ...previousInput, out: input });
    builder.append({ op: 'channelStatistics', x: y, ...previousOutput, out: output });
    if (!secondMoments) return;
    const linear = layer.split('.').at(-1) as BlockLinear;
    const side = momentSide(linear, config);
    const of = side === 'input' ? { x, ...previousInput } : { x: y, ...previousOutput };
    const out = builder.output(momentName(layer), of.x.columns, of.x.columns);
    builder.append({ op: 'secondMoment', ...of, out });
  };
}

function accumulators(linear: BlockLinear, { config, secondMoments }: ProbeOptions): Accumulators {
  const { inputs, outputs } = linearShape(linear, config);
  const side = Math.min(inputs, outputs);
  return {
    input: new SensitivityAccumulator(inputs),
    output: new SensitivityAccumulator(outputs),
    moment: secondMoments ? new Float64Array(side * side) : undefined,
  };
}

/** The outputs' moment costs no inverse (`whitenedFactors`), so it is taken unless they are the wider side. */
function momentSide(linear: BlockLinear, config: DiTConfig): MomentSide {
  const { inputs, outputs } = linearShape(linear, config);
  return outputs <= inputs ? 'output' : 'input';
}

function addTo(sum: Float64Array, values: Float32Array): void {
  for (let i = 0; i < sum.length; i++) sum[i] = sum[i]! + values[i]!;
}

const inputName = (layer: string) => `statistics.${layer}.input`;
const outputName = (layer: string) => `statistics.${layer}.output`;
const momentName = (layer: string) => `statistics.${layer}.moment`;
