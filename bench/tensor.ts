export interface Tensor {
  readonly shape: readonly number[];
  /** Row-major. */
  readonly data: Float32Array;
}

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}

/** Some columns of a matrix of one row an image, as images x 1 x count. */
export function columns({ shape, data }: Tensor, images: number, first: number, count: number): Tensor {
  const values = new Float32Array(images * count);
  for (let image = 0; image < images; image++) {
    const start = image * shape[1]! + first;
    values.set(data.subarray(start, start + count), image * count);
  }
  return { shape: [images, 1, count], data: values };
}
