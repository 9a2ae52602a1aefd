/** The few layers of a small convolutional classifier, one image at a time, written to be read. */

/** channels x height x width */
export interface Planes {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly data: Float32Array;
}

export interface Layer {
  /** out x in, or out x in x side x side for a convolution. */
  readonly weight: Float32Array;
  readonly bias: Float32Array;
}

/** Convolution with an odd square kernel, padded so that the size stays; sums in float64. */
export function convolve(x: Planes, { weight, bias }: Layer): Planes {
  const { height, width } = x;
  const side = Math.sqrt(weight.length / (bias.length * x.channels));
  const data = new Float32Array(bias.length * height * width);
  const plane = new Float64Array(height * width);
  for (let out = 0; out < bias.length; out++) {
    plane.fill(bias[out]!);
    for (let c = 0; c < x.channels; c++)
      for (let tap = 0; tap < side * side; tap++) {
        const [dy, dx] = [Math.floor(tap / side) - (side >> 1), (tap % side) - (side >> 1)];
        addShifted(plane, x, c, dy, dx, weight[(out * x.channels + c) * side * side + tap]!);
      }
    data.set(plane, out * plane.length);
  }
  return { channels: bias.length, height, width, data };
}

/** plane[y, x] += factor * channel[y + dy, x + dx], zero outside. */
function addShifted(
  plane: Float64Array,
  { data, height, width }: Planes,
  channel: number,
  dy: number,
  dx: number,
  factor: number,
): void {
  const left = Math.max(0, -dx);
  const right = Math.min(width, width - dx);
  for (let y = Math.max(0, -dy); y < Math.min(height, height - dy); y++) {
    const source = (channel * height + y + dy) * width + dx;
    for (let x = left; x < right; x++) plane[y * width + x]! += factor * data[source + x]!;
  }
}

/** The largest of each 2 x 2, never below zero: max(0, .) and pooling in one. */
export function reluPool({ channels, height, width, data }: Planes): Planes {
  const [down, across] = [height >> 1, width >> 1];
  const out = new Float32Array(channels * down * across);
  for (let row = 0; row < channels * down; row++) {
    const first = (Math.floor(row / down) * height + 2 * (row % down)) * width;
    for (let x = 0; x < across; x++) {
      const i = first + 2 * x;
      out[row * across + x] = Math.max(0, data[i]!, data[i + 1]!, data[i + width]!, data[i + width + 1]!);
    }
  }
  return { channels, height: down, width: across, data: out };
}

/** W x + b, sums in float64. */
export function connect(x: Float32Array, { weight, bias }: Layer): Float32Array {
  return bias.map((start, row) => {
    let sum = start;
    for (let i = 0; i < x.length; i++) sum += weight[row * x.length + i]! * x[i]!;
    return sum;
  });
}
