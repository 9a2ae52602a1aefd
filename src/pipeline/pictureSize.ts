/** From the size of pictures that is asked for to that of the latents. */
import { ArgumentError, requireInteger } from '../errors.js';
import type { Geometry, Network } from '../models/network.js';
import { takesSize } from './text/textOptions.js';

/** What a caller may ask of sizes. */
export interface SizeOptions {
  /** Height and width of the pictures in pixels. Default: as the model was trained for. */
  readonly height?: number;
  readonly width?: number;
  /**
   * Of a model that was trained on many shapes: pictures of another size are made in the shape that is nearest by height / width,
   * then resized and cropped in the middle, as diffusers does (`use_resolution_binning`). `false`: in exactly that size, which must
   * be a multiple of the pixels of a patch. Default: true where the model has such shapes.
   */
  readonly resolutionBinning?: boolean;
}

export interface ResolvedSize {
  /** Size of the latents. */
  readonly geometry: Geometry;
  /** Size of the pictures as they are decoded, where the network is told. */
  readonly pixels?: Geometry;
  /** Size of the pictures in the end, where they are resized. */
  readonly pictureSize?: Geometry;
}

/** Throws an `ArgumentError` that names the option which is not what it must be. `pixelsPerLatent`: along a side. */
export function resolveSize(
  options: SizeOptions,
  network: Network,
  pixelsPerLatent: () => number,
): ResolvedSize {
  const { latents, sizeBins } = network;
  const { resolutionBinning = sizeBins !== undefined } = options;
  if (typeof resolutionBinning !== 'boolean')
    throw new ArgumentError('resolutionBinning', resolutionBinning, 'true or false');
  if (resolutionBinning && !sizeBins)
    throw new ArgumentError('resolutionBinning', true, 'false: the model was not trained on several shapes');
  const isTold = takesSize(network);
  if (options.height === undefined && options.width === undefined && !isTold)
    return { geometry: { height: latents.height, width: latents.width } };
  const scale = pixelsPerLatent();
  const side = (name: 'height' | 'width') => {
    const pixels = options[name] ?? latents[name] * scale;
    requireInteger(name, pixels, 1, MOST_PIXELS);
    return pixels;
  };
  const asked = { height: side('height'), width: side('width') };
  const geometry = resolutionBinning ? nearest(sizeBins!, asked) : exact(asked, latents.multipleOf, scale);
  const pixels = { height: geometry.height * scale, width: geometry.width * scale };
  const isResized = pixels.height !== asked.height || pixels.width !== asked.width;
  return { geometry, ...(isTold && { pixels }), ...(isResized && { pictureSize: asked }) };
}

/** The first of those that are equally near. */
function nearest(bins: NonNullable<Network['sizeBins']>, { height, width }: Geometry): Geometry {
  const distance = ({ ratio }: { readonly ratio: number }) => Math.abs(ratio - height / width);
  const best = bins.reduce((found, bin) => (distance(bin) < distance(found) ? bin : found));
  return { height: best.height, width: best.width };
}

function exact(asked: Geometry, multipleOf: number, scale: number): Geometry {
  const step = multipleOf * scale;
  for (const name of ['height', 'width'] as const)
    if (asked[name] % step !== 0) throw new ArgumentError(name, asked[name], `a multiple of ${step} pixels`);
  return { height: asked.height / scale, width: asked.width / scale };
}

/** The most pixels on a side of a picture. */
const MOST_PIXELS = 2 ** 15;
