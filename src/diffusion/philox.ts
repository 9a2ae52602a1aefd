/**
 * Philox4x32-10, a counter-based generator (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3",
 * SC 2011): number n of image i is a function of (seed, stream, i, n) alone, so an image is the same
 * whatever the batch it is drawn in and whichever machine draws it.
 */
import { requireInteger } from '../errors.js';

const MULTIPLIER_0 = 0xd2511f53;
const MULTIPLIER_1 = 0xcd9e8d57;
const WEYL_0 = 0x9e3779b9;
const WEYL_1 = 0xbb67ae85;
const ROUNDS = 10;

type Block = readonly [number, number, number, number];

/** One block of four 32-bit words. */
export function philox4x32(counter: Block, key: readonly [number, number]): Block {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < ROUNDS; round++) {
    const low0 = Math.imul(MULTIPLIER_0, c0) >>> 0;
    const low1 = Math.imul(MULTIPLIER_1, c2) >>> 0;
    const high0 = highWord(MULTIPLIER_0, c0);
    const high1 = highWord(MULTIPLIER_1, c2);
    [c0, c1, c2, c3] = [(high1 ^ c1 ^ k0) >>> 0, low1, (high0 ^ c3 ^ k1) >>> 0, low0];
    k0 = (k0 + WEYL_0) >>> 0;
    k1 = (k1 + WEYL_1) >>> 0;
  }
  return [c0, c1, c2, c3];
}

/** Upper 32 bits of the product of two 32-bit words. */
function highWord(a: number, b: number): number {
  const aHigh = a >>> 16;
  const aLow = a & 0xffff;
  const bHigh = b >>> 16;
  const bLow = b & 0xffff;
  // Each partial sum stays below 2^53.
  const middle = aHigh * bLow + Math.floor((aLow * bLow) / 65536);
  const carried = aLow * bHigh + (middle % 65536);
  return (aHigh * bHigh + Math.floor(middle / 65536) + Math.floor(carried / 65536)) >>> 0;
}

/** The image and the stream are a word of the counter each; larger ones would repeat smaller ones. */
function requireCounter(seed: number, stream: number, image: number, count: number): void {
  requireInteger('seed', seed, 0);
  requireInteger('stream', stream, 0, 2 ** 32 - 1);
  requireInteger('image', image, 0, 2 ** 32 - 1);
  requireInteger('count', count, 0);
}

/** Counter words: block within the image, image, stream; the fourth is free. Key: the seed's 53 bits. */
function block(seed: number, stream: number, image: number, index: number): Block {
  return philox4x32([index, image, stream, 0], [seed % 2 ** 32, Math.floor(seed / 2 ** 32)]);
}

/**
 * `count` standard normal deviates of an image, by Box and Muller in float64, rounded to float32.
 * seed: integer from 0 to 2^53 - 1. stream: 0 for the initial noise, one more for every later use. image:
 * its index in the whole run. Throws an `ArgumentError` for anything but such integers.
 */
export function normals(seed: number, stream: number, image: number, count: number): Float32Array {
  requireCounter(seed, stream, image, count);
  const values = new Float32Array(count);
  for (let i = 0; i < count; i += 4) {
    const [a, b, c, d] = block(seed, stream, image, i / 4);
    const four = [...boxMuller(a, b), ...boxMuller(c, d)];
    for (let j = 0; j < 4 && i + j < count; j++) values[i + j] = four[j]!;
  }
  return values;
}

/** `size` such deviates for each of `count` images from `firstImage` on, one behind the other. */
export function batchNormals(
  seed: number,
  stream: number,
  firstImage: number,
  count: number,
  size: number,
): Float32Array {
  const values = new Float32Array(count * size);
  for (let i = 0; i < count; i++) values.set(normals(seed, stream, firstImage + i, size), i * size);
  return values;
}

/** `count` uniform deviates in [0, 1) of an image; arguments as for `normals`. */
export function uniforms(seed: number, stream: number, image: number, count: number): Float64Array {
  requireCounter(seed, stream, image, count);
  return Float64Array.from({ length: count }, (_, i) => block(seed, stream, image, i >> 2)[i & 3]! / 2 ** 32);
}

function boxMuller(a: number, b: number): [number, number] {
  // In (0, 1], so that the logarithm is finite.
  const radius = Math.sqrt(-2 * Math.log((a + 1) / 2 ** 32));
  const angle = (2 * Math.PI * b) / 2 ** 32;
  return [radius * Math.cos(angle), radius * Math.sin(angle)];
}
