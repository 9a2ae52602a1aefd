/** L2 distances. */

/** Of vectors of one length. */
export function distance(a: Float32Array, b: Float32Array): number {
  let squares = 0;
  for (let i = 0; i < b.length; i++) squares += (a[i]! - b[i]!) ** 2;
  return Math.sqrt(squares);
}

/** Of each image of a batch from the same one of another. */
export function imageDistances(a: Float32Array, b: Float32Array, images: number): number[] {
  const size = b.length / images;
  return Array.from({ length: images }, (_, image) => {
    const [first, end] = [image * size, (image + 1) * size];
    return distance(a.subarray(first, end), b.subarray(first, end));
  });
}
