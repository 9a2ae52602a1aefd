/** What the images of one run may have each for itself, so that requests which differ in nothing else share a batch. */
import { normals } from '../diffusion/philox.js';
import { ArgumentError, requireInteger, requireNumber } from '../errors.js';
import { type OptionNames, requireOptions } from '../optionNames.js';
import { isGuided } from './sequences.js';

export interface ImageOptions {
  /** Default: that of the run. */
  readonly seed?: number;
  /** Its place in the seed's sequence of images. Default: as if all images of the run were of its seed. */
  readonly image?: number;
  /** Default: that of the run. Either all images of a run are guided or none is: 1 for all or for none. */
  readonly guidanceScale?: number;
}

const IMAGE_OPTION_NAMES: OptionNames<ImageOptions> = { seed: true, image: true, guidanceScale: true };

/** Options of each image of a run. */
export type ResolvedImage = Readonly<Required<ImageOptions>>;

/** What an image has where nothing is said of it. */
export interface RunDefaults {
  readonly images: number;
  readonly seed: number;
  readonly firstImage: number;
  readonly guidanceScale: number;
}

/** One for each image. Throws an `ArgumentError` that names the field which is not what it must be. */
export function resolveImages(
  perImage: readonly ImageOptions[] | undefined,
  { images, seed, firstImage, guidanceScale }: RunDefaults,
): ResolvedImage[] {
  if (perImage !== undefined && (!Array.isArray(perImage) || perImage.length !== images))
    throw new ArgumentError(
      'perImage',
      Array.isArray(perImage) ? `of ${perImage.length} images` : perImage,
      `a list of options for each of ${images} images`,
    );
  return Array.from({ length: images }, (_, i) => {
    const own = perImage?.[i] ?? {};
    const place = `perImage[${i}]`;
    requireOptions(place, own, IMAGE_OPTION_NAMES);
    const image = { seed, image: firstImage + i, guidanceScale, ...withoutUndefined(own) };
    requireInteger(`${place}.seed`, image.seed, 0);
    requireInteger(`${place}.image`, image.image, 0, 2 ** 32 - 1);
    requireNumber(`${place}.guidanceScale`, image.guidanceScale, 0);
    if (perImage && isGuided(image.guidanceScale) !== isGuided(perImage[0]?.guidanceScale ?? guidanceScale))
      throw new ArgumentError(
        `${place}.guidanceScale`,
        image.guidanceScale,
        'guidance for every image of a run or for none (a scale of 1 is none)',
      );
    return image;
  });
}

function withoutUndefined(own: ImageOptions): ImageOptions {
  return Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined));
}

/** `size` standard normals of a stream for each image, one behind the other; see `normals`. */
export function imageNormals(images: readonly ResolvedImage[], stream: number, size: number): Float32Array {
  const values = new Float32Array(images.length * size);
  for (const [i, { seed, image }] of images.entries())
    values.set(normals(seed, stream, image, size), i * size);
  return values;
}
