/** Random one-operation plans of every operation. */
import type { OpName } from '../../src/plan/types.js';
import type { CaseMaker } from './cases/builder.js';
import { add, gateResidual, gelu, linearCombination, silu } from './cases/elementwise.js';
import { gatherRows, patchify, timestepEmbedding, unpatchify } from './cases/layouts.js';
import { attention, calibratedLinear, calibratedMlp, convolution, linear } from './cases/products.js';
import {
  channelStatistics,
  layerNormModulate,
  norm,
  relativeDistance,
  secondMoment,
} from './cases/reductions.js';

export type { CaseMaker, ConformanceCase } from './cases/builder.js';

/** A maker for every operation; the type fails to compile when one is missing. */
export const CASES: Record<OpName, CaseMaker> = {
  linear,
  calibratedLinear,
  calibratedMlp,
  attention,
  layerNormModulate,
  patchify,
  unpatchify,
  timestepEmbedding,
  gatherRows,
  add,
  silu,
  gelu,
  gateResidual,
  channelStatistics,
  secondMoment,
  linearCombination,
  relativeDistance,
  convolution,
  norm,
};
