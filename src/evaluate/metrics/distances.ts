/** L2 distances. */

/** Distance of two vectors of the same length. */
export function distance(a: Float32Array, b: Float32Array): number {
  let squares = 0;
  for (let i = 0; i < b.length; i++) squares += (a[i]! - b[i]!) ** 2;
  return Math.sqrt(squares);
}

/** Distance of each image of a batch from the same one of another. */
export function imageDistances(a: Float32Array, b: Float32Array, images: number): number[] {
  const size = b.length / images;
  return Array.from({ length: images }, (_, image) => {
    const [first, end] = [image * size, (image + 1) * size];
    return distance(a.subarray(first, end), b.subarray(first, end));
  });
}
