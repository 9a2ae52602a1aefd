/** The options that say who judges images, and against what. */
import type { Command } from 'commander';
import { ArgumentError, requireOneOf } from '../errors.js';
import { ClipScore } from '../evaluate/features/clipScore.js';
import type { OnnxExtractorOptions } from '../evaluate/features/onnxExtractor.js';

export interface FeatureFlags {
  readonly features?: string;
  readonly featureOutputs?: Pick<OnnxExtractorOptions, 'features' | 'logits' | 'spatial'>;
  readonly featureRange?: readonly [number, number];
  readonly against?: string;
}

const FEATURE_OUTPUTS = ['features', 'logits', 'spatial'] as const;

export function addFeatureFlags(command: Command): Command {
  return command
    .option('--features <model>', 'digits, an .onnx file or none (default: digits for pictures of its size)')
    .option(
      '--feature-outputs <list>',
      'outputs of the .onnx file, as in features=pool,logits=fc,spatial=mixed (default: those of these names)',
      featureOutputs,
    )
    .option(
      '--feature-range <low,high>',
      'what black and white are to the .onnx file (default: 0,1)',
      featureRange,
    )
    .option(
      '--against <file>',
      'statistics (.npz of mu and sigma) or reference images (.npz, .safetensors; bytes or floats in [-1, 1]) for the Frechet distance (default for digits: their training set)',
    );
}

/** CLIP, as two models and a tokenizer. */
export interface ClipFlags {
  readonly clipImage?: string;
  readonly clipText?: string;
  readonly clipTokenizer?: string;
}

export function addClipFlags(command: Command): Command {
  return command
    .option('--clip-image <model>', 'CLIP score of pictures and prompts: .onnx of the image encoder')
    .option('--clip-text <model>', 'and .onnx of the text encoder')
    .option('--clip-tokenizer <file>', "and CLIP's tokenizer.json");
}

/** Undefined where no flag is given. Throws an `ArgumentError` where one is missing. */
export async function openClip({
  clipImage,
  clipText,
  clipTokenizer,
}: ClipFlags): Promise<ClipScore | undefined> {
  const files = { 'clip-image': clipImage, 'clip-text': clipText, 'clip-tokenizer': clipTokenizer };
  const given = Object.entries(files).filter(([, file]) => file !== undefined);
  if (given.length === 0) return undefined;
  const missing = Object.entries(files).find(([, file]) => file === undefined);
  if (missing)
    throw new ArgumentError(
      missing[0],
      undefined,
      `a file beside --${given[0]![0]}: a CLIP score takes all three`,
    );
  return ClipScore.load({ image: clipImage!, text: clipText!, tokenizer: clipTokenizer! });
}

export function onnxOptions({ featureOutputs, featureRange }: FeatureFlags): OnnxExtractorOptions {
  return { ...featureOutputs, ...(featureRange && { range: featureRange }) };
}

function featureOutputs(text: string): Record<string, string> {
  return Object.fromEntries(
    text.split(',').map((part) => {
      const [, kind, name] = /^\s*(\w+)=(.+)$/.exec(part) ?? [];
      if (kind === undefined) throw new ArgumentError('feature-outputs', text, 'pairs as in features=pool');
      requireOneOf('feature-outputs', kind, FEATURE_OUTPUTS);
      return [kind, name!];
    }),
  );
}

function featureRange(text: string): [number, number] {
  const values = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  if (values.length !== 2 || !values.every(Number.isFinite))
    throw new ArgumentError('feature-range', text, 'two numbers, as in 0,1 or -1,1');
  return [values[0]!, values[1]!];
}
