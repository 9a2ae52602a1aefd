/** What an ONNX model wants of its pictures: layout, size and range. */
import { fromByte } from '../../calibrate/pictureValues.js';
import { ArgumentError } from '../../errors.js';
import { toByte } from '../../pipeline/picture.js';
import type { Pictures } from '../metrics/pictures.js';
import type { OnnxSession } from './onnxRuntime.js';
import { resize } from './resize.js';

export interface OnnxInput {
  readonly name: string;
  readonly layout: 'NCHW' | 'NHWC';
  readonly channels: number;
  /** Sizes that the model fixes; pictures are resized to them. */
  readonly batch: number | undefined;
  readonly height: number | undefined;
  readonly width: number | undefined;
  /** What -1 and 1 become. */
  readonly range: readonly [number, number];
}

/** Throws an `ArgumentError` unless the model has one input, of float32 pictures of 1 or 3 channels. */
export function onnxInput(path: string, session: OnnxSession, range: readonly [number, number]): OnnxInput {
  const [input, ...others] = session.inputMetadata;
  const shape = input?.shape ?? [];
  const [channelsFirst, channelsLast] = [isChannels(shape[1]), isChannels(shape[3])];
  const refused = !input?.isTensor || input.type !== 'float32' || others.length > 0 || shape.length !== 4;
  if (refused || (!channelsFirst && !channelsLast))
    throw new ArgumentError(
      'feature model',
      `${path}, whose inputs are ${session.inputMetadata.map(describe).join(', ')}`,
      'one input of float32 pictures, images x 1 or 3 channels x height x width, or with the channels last',
    );
  const [batch, second, third, last] = shape.map(fixed);
  const sizes = channelsFirst ? { height: third, width: last } : { height: second, width: third };
  const channels = (channelsFirst ? second : last)!;
  return { name: input.name, layout: channelsFirst ? 'NCHW' : 'NHWC', channels, batch, ...sizes, range };
}

/**
 * Pictures as the model takes them: of its size, grey ones repeated for its channels, batch filled up with black.
 * They are rounded to 256 levels first, as an evaluator that reads picture files sees them.
 */
export function preparePictures(
  pictures: Pictures,
  input: OnnxInput,
): { data: Float32Array; shape: number[] } {
  const rounded = { ...pictures, data: pictures.data.map((value) => fromByte(toByte(value))) };
  const [, , ownHeight, ownWidth] = pictures.shape;
  const { data, shape } = resize(rounded, input.height ?? ownHeight, input.width ?? ownWidth);
  const [images, given, height, width] = shape;
  const { channels, layout } = input;
  const [low, high] = input.range;
  const batch = input.batch ?? images;
  const places = height * width;
  const out = new Float32Array(batch * channels * places).fill(low);
  for (let image = 0; image < images; image++)
    for (let c = 0; c < channels; c++) {
      const source = (image * given + (given === 1 ? 0 : c)) * places;
      const [first, stride] =
        layout === 'NCHW' ? [(image * channels + c) * places, 1] : [image * channels * places + c, channels];
      for (let i = 0; i < places; i++)
        out[first + i * stride] = low + ((data[source + i]! + 1) / 2) * (high - low);
    }
  const size = layout === 'NCHW' ? [channels, height, width] : [height, width, channels];
  return { data: out, shape: [batch, ...size] };
}

function isChannels(size: number | string | undefined): boolean {
  return size === 1 || size === 3;
}

function fixed(size: number | string): number | undefined {
  return typeof size === 'number' && size > 0 ? size : undefined;
}

function describe({ name, type, shape }: OnnxSession['inputMetadata'][number]): string {
  return `${name} (${type ?? 'no tensor'} [${(shape ?? []).join(', ')}])`;
}
