/** From sampled tensors to picture files. */
import { mkdirSync } from 'node:fs';
import { encode } from 'fast-png';
import { ArgumentError, IncacheError } from '../errors.js';
import { writeFileAtomic } from '../weights/atomicFile.js';

/** images x channels x height x width, values in [-1, 1] with 1 (grey) or 3 (RGB) channels. */
export interface ImageBatch {
  readonly latents: Float32Array;
  readonly shape: readonly [number, number, number, number];
}

/** Pixels between the images of a grid, and its background. */
const GAP = 2;
const BACKGROUND = 255;

/** Whether the model works in pixel space, so that its samples are pictures without an autoencoder. */
export function isPictureSpace(channels: number): boolean {
  return channels === 1 || channels === 3;
}

/** A PNG of all images, `columns` in a row. */
export function encodeGrid(batch: ImageBatch, columns: number): Uint8Array {
  const [images, channels, height, width] = requirePictures(batch);
  const across = Math.min(columns, images);
  const down = Math.ceil(images / across);
  const grid = {
    width: across * (width + GAP) + GAP,
    height: down * (height + GAP) + GAP,
    channels,
    data: new Uint8Array(0),
  };
  grid.data = new Uint8Array(grid.width * grid.height * channels).fill(BACKGROUND);
  for (let image = 0; image < images; image++) {
    const left = GAP + (image % across) * (width + GAP);
    const top = GAP + Math.floor(image / across) * (height + GAP);
    drawImage(batch, image, grid.data, grid.width, left, top);
  }
  return encode(grid);
}

/** Writes `folder/0000.png`, `0001.png`, ...; makes the folder where there is none. */
export function writeSingles(batch: ImageBatch, folder: string): void {
  const [images, channels, height, width] = requirePictures(batch);
  makeFolder(folder);
  for (let image = 0; image < images; image++) {
    const data = new Uint8Array(width * height * channels);
    drawImage(batch, image, data, width, 0, 0);
    const png = encode({ width, height, channels, data });
    writeFileAtomic(`${folder}/${String(image).padStart(4, '0')}.png`, png);
  }
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw new IncacheError(`cannot make the folder ${folder}: ${(error as Error).message}`, { cause: error });
  }
}

function requirePictures({ shape }: ImageBatch): ImageBatch['shape'] {
  if (!isPictureSpace(shape[1]))
    throw new ArgumentError(
      'out',
      'a PNG',
      `an .npz file: the model's ${shape[1]} latent channels need a decoder`,
    );
  return shape;
}

function drawImage(
  { latents, shape }: ImageBatch,
  image: number,
  target: Uint8Array,
  stride: number,
  left: number,
  top: number,
): void {
  const [, channels, height, width] = shape;
  for (let c = 0; c < channels; c++)
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        const value = latents[((image * channels + c) * height + y) * width + x]!;
        target[((top + y) * stride + left + x) * channels + c] = toByte(value);
      }
}

/** [-1, 1] to [0, 255], clamped. */
function toByte(value: number): number {
  return Math.round((Math.min(1, Math.max(-1, value)) + 1) * 127.5);
}
