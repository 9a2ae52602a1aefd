/** Runs a tile of an operation by the kernel of its code. Made from src/plan/schema.ts by npm run plan:tables. */
import { AddArguments, add } from './add';
import { AttentionArguments, attention } from './attention';
import { CalibratedLinearArguments, calibratedLinear } from './calibratedLinear';
import { CalibratedMlpArguments, calibratedMlp } from './calibratedMlp';
import { ChannelStatisticsArguments, channelStatistics } from './channelStatistics';
import { ConvolutionArguments, convolution } from './convolution';
import { ElementwiseArguments } from './elementwise';
import { GateResidualArguments, gateResidual } from './gateResidual';
import { GatherRowsArguments, gatherRows } from './gatherRows';
import { GeluArguments, gelu } from './gelu';
import { LayerNormModulateArguments, layerNormModulate } from './layerNormModulate';
import { LinearArguments, linear } from './linear';
import { LinearCombinationArguments, linearCombination } from './linearCombination';
import { LinearInt8Arguments, linearInt8 } from './linearInt8';
import { NormArguments, norm } from './norm';
import { PatchArguments, patchify } from './patchify';
import { RelativeDistanceArguments, relativeDistance } from './relativeDistance';
import { RotateArguments, rotate } from './rotate';
import { SecondMomentArguments, secondMoment } from './secondMoment';
import { silu } from './silu';
import { TimestepEmbeddingArguments, timestepEmbedding } from './timestepEmbedding';
import { unpatchify } from './unpatchify';

export function runTile(code: i32, a: usize, tile: i32, scratch: usize): void {
  switch (code) {
    case 0:
      return linear(changetype<LinearArguments>(a), tile, scratch);
    case 1:
      return calibratedLinear(changetype<CalibratedLinearArguments>(a), tile, scratch);
    case 2:
      return calibratedMlp(changetype<CalibratedMlpArguments>(a), tile, scratch);
    case 3:
      return attention(changetype<AttentionArguments>(a), tile, scratch);
    case 4:
      return layerNormModulate(changetype<LayerNormModulateArguments>(a), tile);
    case 5:
      return patchify(changetype<PatchArguments>(a), tile);
    case 6:
      return unpatchify(changetype<PatchArguments>(a), tile);
    case 7:
      return timestepEmbedding(changetype<TimestepEmbeddingArguments>(a), tile);
    case 8:
      return gatherRows(changetype<GatherRowsArguments>(a), tile);
    case 9:
      return add(changetype<AddArguments>(a), tile);
    case 10:
      return silu(changetype<ElementwiseArguments>(a), tile);
    case 11:
      return gelu(changetype<GeluArguments>(a), tile);
    case 12:
      return rotate(changetype<RotateArguments>(a), tile);
    case 13:
      return gateResidual(changetype<GateResidualArguments>(a), tile);
    case 14:
      return channelStatistics(changetype<ChannelStatisticsArguments>(a), tile);
    case 15:
      return secondMoment(changetype<SecondMomentArguments>(a), tile, scratch);
    case 16:
      return linearCombination(changetype<LinearCombinationArguments>(a), tile);
    case 17:
      return relativeDistance(changetype<RelativeDistanceArguments>(a));
    case 18:
      return convolution(changetype<ConvolutionArguments>(a), tile, scratch);
    case 19:
      return norm(changetype<NormArguments>(a), tile, scratch);
    case 20:
      return linearInt8(changetype<LinearInt8Arguments>(a), tile, scratch);
    default:
      unreachable();
  }
}
