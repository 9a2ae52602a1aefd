/** What the sequences of a run are conditioned on in a model of prompts. */
import type { ConditionValues } from '../../engine/session.js';
import type { Condition, Geometry, Network } from '../../models/network.js';
import type { BatchConditions } from '../sequences.js';
import type { TextEmbedding } from './embeddings.js';
import { textCondition } from './textOptions.js';

/** Embeddings of all images of a run. */
export interface RunEmbeddings {
  readonly prompts: readonly TextEmbedding[];
  /** One for all or one for each. */
  readonly negative: readonly TextEmbedding[];
}

/** Conditions of images [first, first + count). `pixels` is the size of the pictures, for networks that are told. */
export function textConditions(
  network: Pick<Network, 'conditions'>,
  { prompts, negative }: RunEmbeddings,
  pixels: Geometry | undefined,
  first: number,
  count: number,
): BatchConditions {
  const size = pixels && { size: sizeOf(pixels) };
  const known = new Map<TextEmbedding, ConditionValues>();
  const ofText = (embedding: TextEmbedding): ConditionValues => {
    const own = known.get(embedding) ?? {
      conditions: {
        text: padded(embedding, textCondition(network)!),
        textLengths: [embedding.length],
        ...size,
      },
    };
    known.set(embedding, own);
    return own;
  };
  const own = prompts.slice(first, first + count);
  return {
    conditional: own.map(ofText),
    unconditional: own.map((_, i) => ofText(negative[(first + i) % negative.length]!)),
  };
}

/** What networks are told of the size of a picture. */
export function sizeOf({ height, width }: Geometry): readonly number[] {
  return [height, width, height / width];
}

/** The values of an embedding in as many rows as a network takes. */
export function padded({ values }: TextEmbedding, { rows, columns }: Condition): Float32Array {
  const whole = new Float32Array(rows * columns);
  whole.set(values);
  return whole;
}
