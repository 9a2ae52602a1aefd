/** What the sequences of a run are conditioned on in a model of prompts. */
import type { ConditionValues } from '../../engine/session.js';
import type { Condition, Geometry, Network } from '../../models/network.js';
import type { BatchConditions } from '../sequences.js';
import type { TextEmbedding } from './embeddings.js';
import { textCondition } from './textOptions.js';

/** Of all images of a run. */
export interface RunEmbeddings {
  readonly prompts: readonly TextEmbedding[];
  /** One for all or one for each. */
  readonly negative: readonly TextEmbedding[];
}

/** Of images [first, first + count). `pixels` is the size of the pictures, for networks that are told. */
export function textConditions(
  network: Pick<Network, 'conditions'>,
  { prompts, negative }: RunEmbeddings,
  pixels: Geometry | undefined,
  first: number,
  count: number,
): BatchConditions {
  const size = pixels && { size: [pixels.height, pixels.width, pixels.height / pixels.width] };
  const padded = new Map<TextEmbedding, ConditionValues>();
  const ofText = (embedding: TextEmbedding): ConditionValues => {
    const known = padded.get(embedding) ?? {
      conditions: {
        text: pad(embedding, textCondition(network)!),
        textLengths: [embedding.length],
        ...size,
      },
    };
    padded.set(embedding, known);
    return known;
  };
  const own = prompts.slice(first, first + count);
  return {
    conditional: own.map(ofText),
    unconditional: own.map((_, i) => ofText(negative[(first + i) % negative.length]!)),
  };
}

function pad({ values }: TextEmbedding, { rows, columns }: Condition): Float32Array {
  const whole = new Float32Array(rows * columns);
  whole.set(values);
  return whole;
}
