/** What makes dispatches of an operation, by operation. Made from src/plan/schema.ts by npm run plan:tables. */
import { add } from './add.js';
import { attention } from './attention.js';
import { calibratedLinear } from './calibratedLinear.js';
import { calibratedMlp } from './calibratedMlp.js';
import { channelStatistics } from './channelStatistics.js';
import { convolution } from './convolution.js';
import { gateResidual } from './gateResidual.js';
import { gatherRows } from './gatherRows.js';
import { gelu } from './gelu.js';
import { layerNormModulate } from './layerNormModulate.js';
import { linear } from './linear.js';
import { linearCombination } from './linearCombination.js';
import { norm } from './norm.js';
import { patchify } from './patchify.js';
import { relativeDistance } from './relativeDistance.js';
import { rotate } from './rotate.js';
import { secondMoment } from './secondMoment.js';
import { silu } from './silu.js';
import { timestepEmbedding } from './timestepEmbedding.js';
import { unpatchify } from './unpatchify.js';

export const LOWERINGS = {
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
  rotate,
  gateResidual,
  channelStatistics,
  secondMoment,
  linearCombination,
  relativeDistance,
  convolution,
  norm,
};
