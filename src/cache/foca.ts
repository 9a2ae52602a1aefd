/**
 * FoCa (Zheng et al., arXiv 2508.16211): a feature as the solution of an ordinary differential equation, continued by the second
 * backward differentiation formula (BDF2), with the slope at the last computed step p in place of that at the step itself:
 *
 *     F(t) = ((1 + w)^2 F_p - w^2 F_q + k (1 + w) F'(p)) / (1 + 2 w),    k = t - p, w = k / (p - q)
 *
 * F'(p) is the slope of the parabola through the last three computed steps. Where all steps are one apart that is the published
 * 7/3, -5/3, 1/3; here their true spacing is taken.
 */
export function foca(step: number, past: readonly number[]): number[] {
  const [p, q, ...rest] = past.slice(0, 3) as [number, ...number[]];
  if (q === undefined) return [1];
  const k = step - p;
  const w = k / (p - q);
  const slope = slopeAt(p, q, rest[0]);
  const share = 1 / (1 + 2 * w);
  const formula = [(1 + w) ** 2 * share, -(w ** 2) * share, 0];
  return past.map((_, i) => (formula[i] ?? 0) + k * (1 + w) * share * (slope[i] ?? 0));
}

/** The slope at p of the polynomial through what is there, as coefficients of F_p, F_q and F_r. */
function slopeAt(p: number, q: number, r: number | undefined): readonly number[] {
  const d = p - q;
  if (r === undefined) return [1 / d, -1 / d];
  const e = p - r;
  return [1 / d + 1 / e, -e / (d * (e - d)), d / (e * (e - d))];
}
