/** Ranks spread over layers: as many multiply-accumulates as one rank for all takes, where they help most. */

/** A layer to which ranks are given one by one. */
export interface SpreadLayer {
  readonly name: string;
  /** Multiply-accumulates a token that a rank more takes: Ci + Co. */
  readonly cost: number;
  /** Singular values of its factors, largest first: all of them, though no more than `most` can be chosen. */
  readonly singularValues: ArrayLike<number>;
  readonly most: number;
  /** What the layer does to the image when nothing corrects it, in any unit that is the same for all. */
  readonly error: number;
}

/**
 * The rank of every layer, at least 1, such that sum over layers of error^2 * (share of the squared singular values that is
 * left out) is least with at most `budget` multiply-accumulates a token. Singular values fall, so taking the largest gain for
 * its cost, one rank after another, is the optimum up to the last few ranks (water-filling). What a layer alone does to
 * the image weighs the layers, for singular values of different layers have different units.
 */
export function spreadRanks(layers: readonly SpreadLayer[], budget: number): Map<string, number> {
  const ranks = new Map(layers.map(({ name }) => [name, 1]));
  let left = budget - layers.reduce((sum, { cost }) => sum + cost, 0);
  const gains = new Map(layers.map((layer) => [layer, gainsOf(layer)]));
  for (;;) {
    let best: SpreadLayer | undefined;
    let most = 0;
    for (const layer of layers) {
      const rank = ranks.get(layer.name)!;
      const gain = gains.get(layer)![rank]!;
      if (rank < layer.most && layer.cost <= left && gain > most) [best, most] = [layer, gain];
    }
    if (!best) return ranks;
    ranks.set(best.name, ranks.get(best.name)! + 1);
    left -= best.cost;
  }
}

/** The gain of each further rank, per multiply-accumulate. */
function gainsOf({ singularValues, cost, error }: SpreadLayer): Float64Array {
  const squares = Float64Array.from(singularValues, (value) => value * value);
  const sum = squares.reduce((a, b) => a + b, 0);
  return squares.map((square) => (sum > 0 ? (error * error * square) / (sum * cost) : 0));
}
