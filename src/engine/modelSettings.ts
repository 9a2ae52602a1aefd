/** What decides a run beside the weights: the sampler's configuration and the names of the classes. */
import { formatJsonObject, parseJsonObject, readJsonObject } from '../weights/jsonFile.js';
import { type ModelFiles, schedulerFile } from './modelFiles.js';

export interface ModelSettings {
  /** As `scheduler_config.json` has it. */
  readonly scheduler?: Readonly<Record<string, unknown>>;
  /** As `model_index.json` has it: names by the number of the class. */
  readonly id2label?: Readonly<Record<string, unknown>>;
}

const FIELDS = ['scheduler', 'id2label'] as const satisfies readonly (keyof ModelSettings)[];

/** The settings in the folders of a pipeline. */
export function settingsBeside(files: ModelFiles): ModelSettings {
  const path = schedulerFile(files);
  const { id2label } = files.index;
  return {
    ...(path !== undefined && { scheduler: readJsonObject(path) }),
    ...(isObject(id2label) && { id2label }),
  };
}

/** The settings in the metadata of a file. Throws a `FormatError` for one that is not a JSON object. */
export function settingsWithin(metadata: Readonly<Record<string, string>>): ModelSettings {
  const present = FIELDS.filter((field) => metadata[field] !== undefined);
  return Object.fromEntries(
    present.map((field) => [field, parseJsonObject(`the metadata's '${field}'`, metadata[field]!)]),
  );
}

/** The metadata in which `settingsWithin` finds these settings. */
export function settingsMetadata(settings: ModelSettings): Record<string, string> {
  const present = FIELDS.filter((field) => settings[field] !== undefined);
  return Object.fromEntries(present.map((field) => [field, formatJsonObject(settings[field]!)]));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
