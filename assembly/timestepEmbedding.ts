/** out = [cos, sin] of t times each frequency. A tile of work is a row. */
import { cosine, sine } from './sincos';

@unmanaged
export class TimestepEmbeddingArguments {
  x: usize;
  xStride: usize;
  out: usize;
  outStride: usize;
  /** Address of `half` f64 numbers that the host computed. */
  frequencies: usize;
  half: i32;
}

export function timestepEmbedding(a: TimestepEmbeddingArguments, tile: i32): void {
  const t = <f64>load<f32>(a.x + <usize>tile * a.xStride);
  const cosines = a.out + <usize>tile * a.outStride;
  const sines = cosines + ((<usize>a.half) << 2);
  for (let i = 0; i < a.half; i++) {
    const angle = t * load<f64>(a.frequencies + ((<usize>i) << 3));
    store<f32>(cosines + ((<usize>i) << 2), <f32>cosine(angle));
    store<f32>(sines + ((<usize>i) << 2), <f32>sine(angle));
  }
}
