/**
 * out = mean over an image's tokens of |x - previous|, summed in float64.
 * A tile of work is four columns of an image.
 */
import { loadLanes, storeLanes } from './lanes';

@unmanaged
export class ChannelStatisticsArguments {
  x: usize;
  xStride: usize;
  /** 0 where absent. */
  previous: usize;
  previousStride: usize;
  out: usize;
  outStride: usize;
  columns: i32;
  rowsPerImage: i32;
  /** Groups of four columns. */
  groups: i32;
}

export function channelStatistics(a: ChannelStatisticsArguments, tile: i32): void {
  const image = tile / a.groups;
  const column = (tile % a.groups) << 2;
  const lanes = a.columns - column;
  const offset = (<usize>column) << 2;
  const first = <usize>image * <usize>a.rowsPerImage;
  let x = a.x + first * a.xStride + offset;
  let previous = a.previous + first * a.previousStride + offset;
  let low = f64x2.splat(0),
    high = f64x2.splat(0);
  for (let i = 0; i < a.rowsPerImage; i++) {
    let d = loadLanes(x, lanes);
    if (a.previous != 0) d = f32x4.sub(d, loadLanes(previous, lanes));
    d = f32x4.abs(d);
    low = f64x2.add(low, f64x2.promote_low_f32x4(d));
    high = f64x2.add(high, f64x2.promote_low_f32x4(v128.shuffle<f32>(d, d, 2, 3, 2, 3)));
    x += a.xStride;
    previous += a.previousStride;
  }
  const count = f64x2.splat(<f64>a.rowsPerImage);
  const means = v128.shuffle<f32>(
    f32x4.demote_f64x2_zero(f64x2.div(low, count)),
    f32x4.demote_f64x2_zero(f64x2.div(high, count)),
    0,
    1,
    4,
    5,
  );
  storeLanes(a.out + <usize>image * a.outStride + offset, means, lanes);
}
