/** Files of incache that are no checkpoints, though they are safetensors too: what they are is in their metadata. */
import { FormatError, IncacheError } from '../errors.js';
import { SafetensorsFile } from '../weights/safetensors.js';

export type OwnFile = 'factors' | 'errors' | 'fits' | 'recipe' | 'exported model';

/** What a file is by its metadata; undefined where it is none of ours. */
export function ownFile(metadata: Readonly<Record<string, string>>): OwnFile | undefined {
  if (metadata.format === 'incache-factors') return 'factors';
  if (metadata.format === 'incache-errors') return 'errors';
  if (metadata.format === 'incache-grams') return 'fits';
  if (metadata.format === 'incache-recipe') return 'recipe';
  return metadata.incache === undefined ? undefined : 'exported model';
}

/** The metadata of a safetensors file; undefined for what is none or cannot be read: who opens it then says why. */
export function metadataOf(path: string): Readonly<Record<string, string>> | undefined {
  try {
    using file = SafetensorsFile.open(path);
    return file.metadata;
  } catch (error) {
    if (error instanceof IncacheError) return undefined;
    throw error;
  }
}

/** Whether `path` is a file of `exportModel`. */
export function isExportedModel(path: string): boolean {
  return ownFile(metadataOf(path) ?? {}) === 'exported model';
}

const WHAT: Readonly<Record<OwnFile, string>> = {
  factors: 'factors of incache calibrate, which belong to --factors or the option factors',
  errors: 'errors of incache measure, which belong to --errors or the option errors',
  fits: 'fits of incache fit, which belong to --fits or the option fits',
  recipe: 'a recipe of incache tune, which belongs to --recipe or to Recipe.load',
  'exported model':
    'a model file of incache export, which incache sample, ExportedPipeline and programs that embed libincache draw with; here the checkpoint that it was made from is needed',
};

/** Throws a `FormatError` that says what the file is instead of a checkpoint. */
export function requireCheckpoint(path: string, metadata: Readonly<Record<string, string>>): void {
  const kind = ownFile(metadata);
  if (kind !== undefined) throw new FormatError(`${path} holds ${WHAT[kind]}`);
}
