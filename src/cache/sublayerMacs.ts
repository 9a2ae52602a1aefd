/** Multiply-accumulates of a step's sublayers for one sequence, as `planCost` counts them in a plan. */
import type { Geometry, Network } from '../models/network.js';

/** MACs of a sublayer, or of several as one part, in one step. Reuse takes none. */
export interface PartMacs {
  readonly compute: number;
  /** Undefined where there is no increment, with which the part would be reused. */
  readonly calibrate: number | undefined;
}

/** In the order of the columns of a schedule. */
export function sublayerMacs(
  { sublayers, streams }: Network,
  geometry: Geometry,
  rank: (layer: string) => number,
): PartMacs[] {
  const tokens = new Map(streams.map((stream) => [stream.name, stream.tokens(geometry)]));
  return sublayers.map(({ groups, ends, products }) => {
    let [compute, calibrate] = [products(geometry), products(geometry)];
    for (const { name, stream, inputs, outputs } of groups.flatMap(({ layers }) => layers)) {
      compute += tokens.get(stream)! * inputs * outputs;
      calibrate += tokens.get(stream)! * rank(name) * (inputs + outputs);
    }
    return { compute, calibrate: ends.some(({ name }) => rank(name) > 0) ? calibrate : undefined };
  });
}
