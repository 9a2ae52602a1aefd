/**
 * Every operation, described once: types, validation, operands, file form, cost, the table in docs/plans.md and the tables of
 * the C++ library follow from this file (`npm run plan:tables` writes the last two).
 *
 * M rows are tokens of all images. `I|M` is a number of rows that divides M: one row per image.
 */
import {
  choice,
  count,
  defaultChoice,
  type FieldsOf,
  finite,
  integer,
  list,
  type OpSchema,
  positive,
  read,
  weight,
  write,
} from './fields.js';

/**
 * What a linear does with its product before it is written. With `gate`: gate * y, with `gateResidual`: residual + gate * y. `gelu`
 * is the tanh form.
 */
const EPILOGUE = {
  epilogue: choice('none', 'gelu', 'geluErf', 'geluQuick', 'silu', 'gate', 'gateResidual'),
  gate: read('I|M', 'N', { when: ['epilogue', 'gate', 'gateResidual'] }),
  residual: read('M', 'N', { when: ['epilogue', 'gateResidual'], inPlace: true }),
} as const;

/** The cached input of a calibrated operation, in one of two forms: C(x), or Wb C(x). */
const CACHED_FORMS = ['cachedInput', 'cachedHidden'] as const;

/** Geometry of the token grid of an image. */
const PATCHES = { channels: count, height: count, width: count, patch: count } as const;
const PATCH_RULES = {
  divides: { patch: ['height', 'width'] },
  symbols: { tokens: '(height/patch)*(width/patch)' },
} as const;

/** Pixels on a side of an image. */
const PAD = integer(0, 2);

export const SCHEMA = {
  linear: {
    meaning:
      'out = epilogue(x W^T + bias); with `gate`: gate y, with `gateResidual`: residual + gate y. `store` receives what the epilogue is given, and the ' +
      'epilogue takes it as it was stored. A gated MLP is two linears: the first has the activation, its output is the `gate` of the second.',
    fields: {
      x: read('M', 'K'),
      weight: weight('N', 'K'),
      bias: read('1', 'N', { optional: true }),
      ...EPILOGUE,
      store: write('M', 'N', { optional: true }),
      out: write('M', 'N'),
    },
    parts: 'M',
    macs: 'M*N*K',
  },
  /** Increment-calibrated caching (METHOD: Cache and schedule). A fused qkv has three pairs, whose ranks may differ. */
  calibratedLinear: {
    meaning:
      'out = epilogue(C(y) + Wa (Wb (x - C(x)))), columns of the pairs (down = Wb, up = Wa) one after another. `cachedOutput` is C(y), its bias inside. ' +
      '`cachedInput` is C(x): x is rounded to its type before the difference is taken, so that an unchanged x gives C(y) to the bit. ' +
      'With `cachedHidden` = Wb C(x) instead: Wa (Wb x - h).',
    fields: {
      x: read('M', 'K'),
      cachedInput: read('M', 'K', { optional: true }),
      cachedHidden: read('M', 'R', { optional: true }),
      cachedOutput: read('M', 'N'),
      factors: list([1, Number.POSITIVE_INFINITY], [{ down: weight('r', 'K'), up: weight('n', 'r') }], {
        sums: { R: 'r', N: 'n', P: 'r*(K+n)' },
      }),
      ...EPILOGUE,
      out: write('M', 'N'),
    },
    exactlyOne: CACHED_FORMS,
    parts: 'M',
    macs: 'M*P',
  },
  /** fc1, GELU and fc2 of a scattered MLP: what lies between is cheaper to make again than to keep. */
  calibratedMlp: {
    meaning:
      'out = epilogue(C(y2) + Wa2 (Wb2 (gelu(y1) - gelu(C(y1))))), y1 = C(y1) + Wa1 (Wb1 (x - C(x))). `cachedPreActivation` is C(y1), before GELU, ' +
      '`cachedOutput` C(y2); the cached input of fc1 has the forms of `calibratedLinear`.',
    fields: {
      x: read('M', 'K'),
      cachedInput: read('M', 'K', { optional: true }),
      cachedHidden: read('M', 'R', { optional: true }),
      cachedPreActivation: read('M', 'H'),
      cachedOutput: read('M', 'N'),
      factors: list(
        [2, 2],
        [
          { down: weight('R', 'K'), up: weight('H', 'R') },
          { down: weight('S', 'H'), up: weight('N', 'S') },
        ],
        { owns: ['R', 'H', 'S', 'N'] },
      ),
      ...EPILOGUE,
      out: write('M', 'N'),
    },
    exactlyOne: CACHED_FORMS,
    parts: 'M',
    macs: 'M*(R*(K+H)+S*(H+N))',
  },
  attention: {
    meaning:
      'out = softmax(scale q k^T + bias + keyBias) v, for each image and head. `bias` is that of all images, `keyBias` that of all heads and queries; ' +
      'their values may be -inf where each query keeps a key. `causal`: query i attends to keys 0 to i. Keys from the place `keyLengths` on (1 to ' +
      'keyLength, per image) are not read.',
    fields: {
      q: read('images*queryLength', 'heads*width'),
      k: read('images*keyLength', 'heads*width'),
      v: read('images*keyLength', 'heads*width'),
      heads: count,
      queryLength: count,
      keyLength: count,
      scale: positive,
      mask: defaultChoice('none', 'causal'),
      bias: read('heads*queryLength', 'keyLength', { optional: true }),
      keyBias: read('images', 'keyLength', { optional: true }),
      keyLengths: read('images', '1', { optional: true, types: 'integer' }),
      out: write('images*queryLength', 'heads*width'),
    },
    parts: 'images',
    macs: '2*images*queryLength*keyLength*heads*width',
  },
  layerNormModulate: {
    meaning: 'out = LN(x) (1 + scale) + shift. LN over columns, without an affine part.',
    fields: {
      x: read('M', 'C'),
      shift: read('I|M', 'C'),
      scale: read('I', 'C'),
      epsilon: positive,
      out: write('M', 'C'),
    },
    parts: 'M',
    macs: '0',
  },
  patchify: {
    meaning: 'Images to tokens, each (channel, p, q).',
    fields: {
      x: read('images', 'channels*height*width'),
      ...PATCHES,
      out: write('images*tokens', 'channels*patch*patch'),
    },
    ...PATCH_RULES,
    parts: 'images',
    macs: '0',
  },
  unpatchify: {
    meaning: 'Tokens, each (p, q, channel), to images.',
    fields: {
      x: read('images*tokens', 'patch*patch*channels'),
      ...PATCHES,
      out: write('images', 'channels*height*width'),
    },
    ...PATCH_RULES,
    parts: 'images',
    macs: '0',
  },
  timestepEmbedding: {
    meaning: 'out = [cos, sin] of t exp(-ln(maxPeriod) i / half), t the timestep of the row.',
    fields: { x: read('n', '1'), maxPeriod: positive, out: write('n', '2*half') },
    parts: 'n',
    macs: '0',
  },
  gatherRows: {
    meaning: 'out[i] = table[index[i]].',
    fields: {
      table: read('rows', 'C', { moved: 'n' }),
      index: read('n', '1', { types: 'integer' }),
      out: write('n', 'C'),
    },
    parts: 'n',
    macs: '0',
  },
  add: {
    meaning: 'out[i] = x[i] + y[i mod I].',
    fields: {
      x: read('M', 'C', { inPlace: true }),
      y: read('I|M', 'C', { periodic: true }),
      out: write('M', 'C'),
    },
    parts: 'M',
    macs: '0',
  },
  silu: {
    meaning: 'out = x sigmoid(x).',
    fields: { x: read('M', 'C', { inPlace: true }), out: write('M', 'C') },
    parts: 'M',
    macs: '0',
  },
  gelu: {
    meaning:
      'out = 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) in the form `tanh`, 0.5 x (1 + erf(x/sqrt(2))) in `erf`, x sigmoid(1.702 x) in `quick`.',
    fields: {
      x: read('M', 'C', { inPlace: true }),
      form: defaultChoice('tanh', 'erf', 'quick'),
      out: write('M', 'C'),
    },
    parts: 'M',
    macs: '0',
  },
  rotate: {
    meaning:
      'Rotary position embedding (Su et al., 2021): each pair (a, b) of a head becomes (a cos - b sin, a sin + b cos). Pairs are neighbouring columns ' +
      '(`interleaved`), or a column of the first half of the head and the same one of the second (`halves`). Row i takes row i mod T of the tables.',
    fields: {
      x: read('M', 'heads*2*half', { inPlace: true }),
      cos: read('T|M', 'half', { periodic: true }),
      sin: read('T', 'half', { periodic: true }),
      heads: count,
      pairs: choice('interleaved', 'halves'),
      out: write('M', 'heads*2*half'),
    },
    parts: 'M',
    macs: '0',
  },
  gateResidual: {
    meaning: 'out = residual + gate x: what remains of a sublayer that is reused.',
    fields: {
      x: read('M', 'C', { inPlace: true }),
      gate: read('I|M', 'C'),
      residual: read('M', 'C', { inPlace: true }),
      out: write('M', 'C'),
    },
    parts: 'M',
    macs: '0',
  },
  channelStatistics: {
    meaning: "out = mean over an image's tokens of abs(x - previous).",
    fields: { x: read('M', 'C'), previous: read('M', 'C', { optional: true }), out: write('I|M', 'C') },
    macs: '0',
  },
  secondMoment: {
    meaning: 'out = d^T d with d = x - previous, summed over all rows.',
    fields: { x: read('M', 'C'), previous: read('M', 'C', { optional: true }), out: write('C', 'C') },
    macs: 'M*C*C',
  },
  linearCombination: {
    meaning: 'out = sum of coefficient * x. Coefficients act as float32.',
    fields: {
      terms: list([1, 4], [{ x: read('M', 'C', { types: 'rows', inPlace: true }), coefficient: finite }], {
        owns: ['M', 'C'],
      }),
      out: write('M', 'C', { types: 'rows' }),
    },
    parts: 'M',
    macs: '0',
  },
  relativeDistance: {
    meaning:
      'out = |x - previous| / |previous|, by the sum of absolute values (`norm` 1) or the root of the sum of squares (`norm` 2) of all elements; x is ' +
      'rounded to the type of previous first. 0 where nothing differs, infinite where only previous is all zeros.',
    fields: {
      x: read('M', 'C'),
      previous: read('M', 'C'),
      norm: choice(1, 2),
      out: write('1', '1'),
    },
    macs: '0',
  },
  convolution: {
    meaning:
      'out = epilogue(convolution of x with weight + bias), a cross-correlation; with `residual`: residual + y. A pixel is a row (image, y, x) and a ' +
      "channel a column. A row of the weight is a filter of a checkpoint's tensor as it is, (channel, down, across). Each pixel of x is read upsample x " +
      'upsample times (nearest), then zeros are put around the image, in pixels of the upsampled one.',
    fields: {
      x: read('images*height*width', 'channels'),
      weight: weight('N', 'channels*kernel*kernel'),
      bias: read('1', 'N', { optional: true }),
      height: count,
      width: count,
      kernel: choice(1, 3),
      stride: choice(1, 2),
      upsample: choice(1, 2),
      padTop: PAD,
      padBottom: PAD,
      padLeft: PAD,
      padRight: PAD,
      epilogue: choice('none', 'silu', 'residual'),
      residual: read('images*down*across', 'N', { when: ['epilogue', 'residual'], inPlace: true }),
      out: write('images*down*across', 'N'),
    },
    symbols: {
      down: '(height*upsample+padTop+padBottom-kernel)/stride+1',
      across: '(width*upsample+padLeft+padRight-kernel)/stride+1',
    },
    parts: 'images',
    macs: 'images*down*across*N*channels*kernel*kernel',
  },
  /** Layer norm: a span and a group of 1. A norm per head: as many groups as heads. Group norm (Wu & He, 2018): the pixels of an image. */
  norm: {
    meaning:
      'out = epilogue((n(x) gain + bias) (1 + scale) + shift). `span` rows and C / groups neighbouring columns are normalised together: `layer` takes ' +
      'their mean away and divides by the root of (biased variance + epsilon), `rms` divides by that of (mean of squares + epsilon). gain and bias of fewer columns, ' +
      'whole groups, are repeated.',
    fields: {
      kind: choice('layer', 'rms'),
      x: read('blocks*span', 'groups*width', { inPlace: true }),
      span: count,
      groups: count,
      epsilon: positive,
      gain: read('1', 'gains*width|groups*width', { optional: true }),
      bias: read('1', 'biases*width|groups*width', { optional: true }),
      scale: read('I|blocks*span', 'groups*width', { optional: true }),
      shift: read('I|blocks*span', 'groups*width', { optional: true }),
      epilogue: choice('none', 'silu'),
      out: write('blocks*span', 'groups*width'),
    },
    parts: 'blocks',
    macs: '0',
  },
} as const satisfies Readonly<Record<string, OpSchema>>;

type Schema = typeof SCHEMA;
export type OpName = keyof Schema;

/** The names of all operations. */
export const OP_NAMES = Object.keys(SCHEMA) as OpName[];

/** An operation of this name, with its fields. */
export type OpOf<N extends OpName> = { readonly op: N } & FieldsOf<Schema[N]['fields']>;

export type Op = { [N in OpName]: OpOf<N> }[OpName];

/** The row of an operation. */
export function schemaOf(name: OpName): OpSchema {
  return SCHEMA[name];
}
