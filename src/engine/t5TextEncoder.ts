/** A T5 encoder on a device: tokens to embeddings, one layer after another. */
import type { Device, DeviceWeights } from '../backend/backend.js';
import { ArgumentError, IncacheError } from '../errors.js';
import {
  biasTable,
  FINAL_NORM,
  finalPlan,
  layerPlan,
  layerPrefix,
  type T5Batch,
} from '../models/t5/graph.js';
import { positionBias } from '../models/t5/positionBias.js';
import { BoundPlan } from './boundPlan.js';
import type { T5Checkpoint } from './t5Checkpoint.js';

export interface T5TextEncoderOptions {
  /**
   * Whether the weights stay on the device between calls. Otherwise each layer is read, used for all sequences and freed, so that
   * an encoder of any size runs in the memory of one layer. Default false.
   */
  readonly keep?: boolean;
}

export interface EncodeOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called with what goes into each layer, and with what the last one gives, (sequences * length) x width. */
  readonly onHidden?: ((layer: number, hidden: Float32Array) => void) | undefined;
}

/** Token ids of one sequence; those from `length` on pad it. */
export interface TokenSequence {
  readonly ids: Int32Array;
  readonly length: number;
}

export class T5TextEncoder implements Disposable {
  readonly #weights: DeviceWeights;
  readonly #keep: boolean;
  #disposed = false;

  /** Weights are read when they are first needed. The caller keeps the device and the checkpoint open as long as this. */
  constructor(
    readonly checkpoint: T5Checkpoint,
    readonly device: Device,
    { keep = false }: T5TextEncoderOptions = {},
  ) {
    this.#weights = device.loadWeights({ read: (name) => checkpoint.readStored(name) });
    this.#keep = keep;
  }

  /**
   * The embeddings of sequences of one length: sequences x length x width, float32. Tokens that pad a sequence are attended to by
   * none and have embeddings themselves, which mean nothing. Throws an `ArgumentError` for sequences of different lengths.
   */
  async encode(sequences: readonly TokenSequence[], options: EncodeOptions = {}): Promise<Float32Array> {
    if (this.#disposed) throw new IncacheError('this text encoder has been disposed');
    const batch = batchOf(sequences);
    const { config } = this.checkpoint;
    const lengths = Int32Array.from(sequences, ({ length }) => length);
    let hidden = this.checkpoint.embed(Int32Array.from(sequences.flatMap(({ ids }) => [...ids])));
    let bias: Float32Array = new Float32Array(0);
    for (let layer = 0; layer < config.layers; layer++) {
      options.signal?.throwIfAborted();
      options.onHidden?.(layer, hidden);
      if (layer === 0 || config.ownBias)
        bias = positionBias(this.checkpoint.read(biasTable(config, layer)), config, batch.length);
      const plan = layerPlan(config, layer, batch, this.device.activations);
      hidden = await this.#run(plan, { hidden, bias, lengths }, layerPrefix(layer), options.signal);
    }
    options.onHidden?.(config.layers, hidden);
    return this.#run(finalPlan(config, batch), { hidden }, FINAL_NORM, options.signal);
  }

  /** Frees the weights on the device. */
  dispose(): void {
    this.#disposed = true;
    this.#weights.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  async #run(
    plan: Parameters<typeof BoundPlan.compile>[2],
    inputs: Readonly<Record<string, Float32Array | Int32Array>>,
    weights: string,
    signal: AbortSignal | undefined,
  ): Promise<Float32Array> {
    try {
      using bound = await BoundPlan.compile(this.device, this.#weights, plan);
      return await bound.run(inputs, 'out', signal);
    } finally {
      if (!this.#keep && !this.#disposed) this.#weights.release(weights);
    }
  }
}

function batchOf(sequences: readonly TokenSequence[]): T5Batch {
  const length = sequences[0]?.ids.length ?? 0;
  if (length === 0)
    throw new ArgumentError('sequences', sequences, 'one sequence or more, of one token or more');
  for (const { ids, length: used } of sequences) {
    if (ids.length !== length)
      throw new ArgumentError(
        'sequence',
        `of ${ids.length} tokens`,
        `${length} tokens, as the first one has`,
      );
    if (!(used >= 1 && used <= length))
      throw new ArgumentError('length of a sequence', used, `an integer from 1 to ${length}`);
  }
  return { sequences: sequences.length, length };
}
