/** Elements of a strided view, one after another. */

/** Whether the elements lie row-major without gaps. */
export function isContiguous(shape: readonly number[], strides: readonly number[]): boolean {
  let expected = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    if (shape[i] !== 1 && strides[i] !== expected) return false;
    expected *= shape[i]!;
  }
  return true;
}

/** Elements from the first of a view to its last, both included; 0 for an empty one, infinity beyond 2^53. */
export function extentOf(shape: readonly number[], strides: readonly number[]): number {
  if (shape.includes(0)) return 0;
  const extent = shape.reduce((sum, size, i) => sum + (size - 1) * strides[i]!, 1);
  return Number.isSafeInteger(extent) ? extent : Number.POSITIVE_INFINITY;
}

/**
 * Copies a view to `target`, row-major. source: the bytes from the view's first element on. width: bytes of an element.
 */
export function copyStrided(
  source: Uint8Array,
  shape: readonly number[],
  strides: readonly number[],
  width: number,
  target: Uint8Array,
): void {
  const index = new Array<number>(shape.length).fill(0);
  let from = 0;
  for (let to = 0; to < target.length; to += width) {
    for (let byte = 0; byte < width; byte++) target[to + byte] = source[from * width + byte]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      from -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
}
