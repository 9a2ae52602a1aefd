/** Encodes any operation for its kernel. */
import type { Op } from '../../../plan/types.js';
import type { Operation, Placement } from '../operation.js';
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
import { secondMoment } from './secondMoment.js';
import { silu } from './silu.js';
import { timestepEmbedding } from './timestepEmbedding.js';
import { unpatchify } from './unpatchify.js';

export function encode(op: Op, at: Placement): Operation {
  switch (op.op) {
    case 'linear':
      return linear(op, at);
    case 'calibratedLinear':
      return calibratedLinear(op, at);
    case 'calibratedMlp':
      return calibratedMlp(op, at);
    case 'attention':
      return attention(op, at);
    case 'layerNormModulate':
      return layerNormModulate(op, at);
    case 'patchify':
      return patchify(op, at);
    case 'unpatchify':
      return unpatchify(op, at);
    case 'timestepEmbedding':
      return timestepEmbedding(op, at);
    case 'gatherRows':
      return gatherRows(op, at);
    case 'add':
      return add(op, at);
    case 'silu':
      return silu(op, at);
    case 'gelu':
      return gelu(op, at);
    case 'gateResidual':
      return gateResidual(op, at);
    case 'channelStatistics':
      return channelStatistics(op, at);
    case 'secondMoment':
      return secondMoment(op, at);
    case 'linearCombination':
      return linearCombination(op, at);
    case 'relativeDistance':
      return relativeDistance(op, at);
    case 'convolution':
      return convolution(op, at);
    case 'norm':
      return norm(op, at);
  }
}
