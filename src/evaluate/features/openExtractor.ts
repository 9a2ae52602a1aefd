/** Which feature model judges a model's images, when it is named by a text. */
import { ArgumentError } from '../../errors.js';
import { classesOf, type Network } from '../../models/network.js';
import { DigitsClassifier } from './digitsClassifier.js';
import type { FeatureExtractor } from './featureExtractor.js';
import { OnnxExtractor, type OnnxExtractorOptions } from './onnxExtractor.js';

/**
 * `digits`, the path of an .onnx file, or `none`. Nothing loads the digits classifier for a model of one channel of
 * 32 x 32 pixels and ten classes, and none for others.
 */
export async function openExtractor(
  name: string | undefined,
  network: Pick<Network, 'latents' | 'conditions'>,
  options: OnnxExtractorOptions,
): Promise<FeatureExtractor | undefined> {
  if (name?.endsWith('.onnx')) return OnnxExtractor.load(name, options);
  if (Object.keys(options).length > 0)
    throw new ArgumentError('features', name, 'an .onnx file, since its outputs or range are given');
  const { channels, height, width } = network.latents;
  const isDigits = [channels, height, width, classesOf(network)].join() === '1,32,32,10';
  switch (name ?? (isDigits ? 'digits' : 'none')) {
    case 'digits':
      return DigitsClassifier.load();
    case 'none':
      return undefined;
    default:
      throw new ArgumentError('features', name, 'digits, none or the name of an .onnx file');
  }
}
