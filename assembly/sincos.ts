/**
 * Sine and cosine in float64, after fdlibm's kernels, for arguments up to 2^20 quarter turns. There are no tables: a module
 * without static data can be instantiated again on a memory that is in use.
 */

/** A quarter turn in two parts: n * HIGH is exact for n below 2^20. */
const QUARTER_HIGH: f64 = 1.57079632673412561417;
const QUARTER_LOW: f64 = 6.07710050650619224932e-11;
const QUARTERS: f64 = 6.36619772367581382433e-1;

export function sine(x: f64): f64 {
  return quadrant(x, 0);
}

export function cosine(x: f64): f64 {
  return quadrant(x, 1);
}

/** sin(x + quarters * pi / 2). */
function quadrant(x: f64, quarters: i32): f64 {
  const n = nearest<f64>(x * QUARTERS);
  const r = x - n * QUARTER_HIGH - n * QUARTER_LOW;
  const place = (<i32>n + quarters) & 3;
  const value = (place & 1) == 0 ? sineKernel(r) : cosineKernel(r);
  return place >= 2 ? -value : value;
}

/** sin r for |r| <= pi / 4. */
function sineKernel(r: f64): f64 {
  const z = r * r;
  const p =
    8.33333333332248946124e-3 +
    z *
      (-1.98412698298579493134e-4 +
        z * (2.75573137070700676789e-6 + z * (-2.50507602534068634195e-8 + z * 1.58969099521155010221e-10)));
  return r + r * z * (-1.66666666666666324348e-1 + z * p);
}

/** cos r for |r| <= pi / 4. */
function cosineKernel(r: f64): f64 {
  const z = r * r;
  const p =
    4.16666666666666019037e-2 +
    z *
      (-1.38888888888741095749e-3 +
        z *
          (2.48015872894767294178e-5 +
            z *
              (-2.75573143513906633035e-7 +
                z * (2.0875723212981748279e-9 + z * -1.13596475577881948265e-11))));
  return 1.0 - 0.5 * z + z * z * p;
}
