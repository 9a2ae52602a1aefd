/** Scales of float8 weights: a file keeps w / s in eight bits and s beside it. */
import { FormatError } from '../errors.js';
import type { TensorSource } from './tensorSource.js';

/** The names that quantising code gives to the scales of a linear; those of its input are of no use here. */
export const FLOAT8_SCALES = /(?:^|\.)(?:scale_weight|weight_scale|scale_input|input_scale|scaled_fp8)$/;

/** The name of the scalar by which the tensor's values are multiplied. Throws a `FormatError` for a scale of other shape. */
export function scaleOf(source: TensorSource, name: string): string | undefined {
  if (!/\.?weight$/.test(name) || !source.entry(name).dtype.startsWith('F8_')) return undefined;
  const linear = name.slice(0, -'weight'.length);
  const scale = [`${linear}scale_weight`, `${linear}weight_scale`].find((other) =>
    source.names.includes(other),
  );
  if (scale === undefined) return undefined;
  const { shape } = source.entry(scale);
  if (shape.some((size) => size !== 1))
    throw new FormatError(`tensor '${scale}' has shape [${shape}]; expected one scale for all of '${name}'`);
  return scale;
}
