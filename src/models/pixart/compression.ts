/** Keys and values of a self-attention made fewer: one for each 2 x 2 tokens (PixArt-Sigma, section 3.3). */
import type { PlanBuilder } from '../../plan/builder.js';
import type { FloatType, View } from '../../plan/types.js';
import type { ComputedTensor } from '../../weights/canonicalSource.js';
import type { Geometry } from '../network.js';
import type { Compression, PixArtConfig } from './config.js';

/** Epsilon of the original's layer norm. */
const EPSILON = 1e-5;

/** Values of a filter that an operation reads, of which those behind 2 x 2 are zeros. */
const KERNEL = 9;

/** @param grid tokens of an image, rows and columns */
export function emitCompressed(
  builder: PlanBuilder,
  block: string,
  x: View,
  { height, width }: Geometry,
  { sampling }: Compression,
): View {
  const rows = (x.rows / (height * width)) * Math.floor(height / 2) * Math.floor(width / 2);
  const out = builder.temporary(rows, x.columns, builder.typeOf(x) as FloatType);
  builder.layer(`${block}.attn.sr`);
  const isLearned = sampling === 'conv';
  builder.append({
    op: 'convolution',
    x,
    weight: builder.weight(filterName(block, isLearned), x.columns, x.columns * KERNEL),
    ...(isLearned && { bias: builder.weight(`${block}.attn.sr.bias`, 1, x.columns) }),
    ...{ height, width, kernel: 3, stride: 2, upsample: 1 },
    ...{ padTop: 0, padLeft: 0, padBottom: 1, padRight: 1, epilogue: 'none' },
    out,
  });
  if (!isLearned) return out;
  builder.append({
    op: 'norm',
    ...{ kind: 'layer', x: out, span: 1, groups: 1, epsilon: EPSILON, epilogue: 'none' },
    gain: builder.weight(`${block}.attn.norm.weight`, 1, x.columns),
    bias: builder.weight(`${block}.attn.norm.bias`, 1, x.columns),
    out,
  });
  return out;
}

function filterName(block: string, isLearned: boolean): string {
  return isLearned ? `${block}.attn.sr.filters` : 'topLeft.filters';
}

/** The filters of `emitCompressed` by their name: a channel reads no other one. `read` gives the checkpoint's tensors. */
export function filtersOf(
  name: string,
  { hiddenSize: c }: PixArtConfig,
  read: (name: string) => Float32Array,
): ComputedTensor | undefined {
  const [, prefix] = /^(.*)\.filters$/.exec(name) ?? [];
  if (prefix === undefined) return undefined;
  const values = () => {
    const own = prefix === 'topLeft' ? undefined : read(`${prefix}.weight`);
    const all = new Float32Array(c * c * KERNEL);
    for (let channel = 0; channel < c; channel++) {
      const filter = all.subarray((channel * c + channel) * KERNEL);
      const [a, b, d, e] = own ? own.subarray(4 * channel, 4 * channel + 4) : [1, 0, 0, 0];
      filter.set([a!, b!, 0, d!, e!]);
    }
    return all;
  };
  return { shape: [c, c, 3, 3], values };
}
