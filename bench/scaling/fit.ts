/** Least squares of a power law: a straight line through the logarithms. */

export interface PowerFit {
  /** b of y = a x^b. */
  readonly exponent: number;
  /** Share of the variance of log y that the line explains; 1 where there is none to explain. */
  readonly r2: number;
  at(x: number): number;
}

/** Of pairs (x, y), all above 0, with at least two different x. */
export function fitPower(points: readonly (readonly [x: number, y: number])[]): PowerFit {
  const logs = points.map(([x, y]) => [Math.log(x), Math.log(y)] as const);
  const mean = (place: 0 | 1) => logs.reduce((sum, pair) => sum + pair[place], 0) / logs.length;
  const [meanX, meanY] = [mean(0), mean(1)];
  let [xx, xy, yy] = [0, 0, 0];
  for (const [x, y] of logs) {
    xx += (x - meanX) ** 2;
    xy += (x - meanX) * (y - meanY);
    yy += (y - meanY) ** 2;
  }
  if (!(xx > 0 && Number.isFinite(xy)))
    throw new RangeError('a power law needs two different x and no value of 0 or below');
  const exponent = xy / xx;
  return {
    exponent,
    r2: yy > 0 ? xy ** 2 / (xx * yy) : 1,
    at: (x) => Math.exp(meanY + exponent * (Math.log(x) - meanX)),
  };
}
