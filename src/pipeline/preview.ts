/** What latents look like, without decoding them: good enough to watch a run. */
import { isPictureSpace, type Picture, picturesOf } from './picture.js';

/**
 * How the channels of Stable Diffusion's latents (scaled, 4 of them) contribute to red, green and blue: a least-squares fit
 * of decoded pictures that the community's viewers share. DiT and PixArt use the same autoencoder.
 */
const STABLE_DIFFUSION: readonly (readonly [number, number, number])[] = [
  [0.3512, 0.2297, 0.3227],
  [0.325, 0.4974, 0.235],
  [-0.2829, 0.1762, 0.2721],
  [-0.212, -0.2616, -0.7177],
];

const COLOURS = 3;

/**
 * A picture for each latent (images x channels x height x width), as high and wide as the latent. Models on pixels show
 * their pixels; latents of 4 channels are projected linearly; of others the first three channels are shown.
 */
export function previewOf(
  latents: Float32Array,
  shape: readonly [images: number, channels: number, height: number, width: number],
): Picture[] {
  const [images, channels, height, width] = shape;
  if (isPictureSpace(channels)) return picturesOf(latents, shape);
  const weights = channels === STABLE_DIFFUSION.length ? STABLE_DIFFUSION : identity(channels);
  const pixels = height * width;
  const colours = new Float32Array(images * COLOURS * pixels);
  for (let image = 0; image < images; image++)
    for (const [channel, contribution] of weights.entries())
      for (let colour = 0; colour < COLOURS; colour++) {
        const weight = contribution[colour]!;
        if (weight === 0) continue;
        const from = (image * channels + channel) * pixels;
        const to = (image * COLOURS + colour) * pixels;
        for (let i = 0; i < pixels; i++) colours[to + i]! += weight * latents[from + i]!;
      }
  return picturesOf(colours, [images, COLOURS, height, width]);
}

function identity(channels: number): (readonly [number, number, number])[] {
  return Array.from({ length: channels }, (_, channel) => [
    channel === 0 ? 1 : 0,
    channel === 1 ? 1 : 0,
    channel === 2 ? 1 : 0,
  ]);
}
