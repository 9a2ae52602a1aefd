/** Where the parts of a model lie: diffusers keeps each in a folder of its own, with `model_index.json` beside them. */
import { fileExists, isFolder } from '#platform/files';
import { dirname, join, resolve } from '#platform/paths';
import { ArgumentError, IncacheError } from '../errors.js';
import { readJsonObject } from '../weights/jsonFile.js';

/** The folders that diffusers gives the parts of a pipeline. */
const PARTS = ['scheduler', 'vae', 'text_encoder', 'tokenizer'] as const;
export type ModelPart = (typeof PARTS)[number];

export interface ModelFiles {
  /** The file or folder of the network's weights, for `openTensors`. */
  readonly weights: string;
  /** The network's `config.json`, where there is one. */
  readonly config: string | undefined;
  /** The folder that holds the other parts. */
  readonly root: string | undefined;
  /** The folders of other parts that are there. */
  readonly parts: Readonly<Partial<Record<ModelPart, string>>>;
  /** What `model_index.json` says, as `_class_name` and `id2label`; empty without one. */
  readonly index: Readonly<Record<string, unknown>>;
}

const INDEX = 'model_index.json';

/** path: a pipeline's folder, the folder of its network (`transformer`), or a file of weights. Looks at names only. */
export function locateModel(path: string): ModelFiles {
  if (typeof path !== 'string' || path === '')
    throw new ArgumentError('path', path, 'the path of a model, a file or folder');
  const isPipeline = isFolder(path) && (fileExists(join(path, INDEX)) || isFolder(join(path, 'transformer')));
  const weights = isPipeline ? networkOf(path) : path;
  const home = isFolder(weights) ? weights : dirname(weights);
  const config = join(home, 'config.json');
  const root = isPipeline
    ? path
    : [home, dirname(resolve(home))].find((folder) => fileExists(join(folder, INDEX)));
  const index = join(root ?? home, INDEX);
  const parts = PARTS.map((part) => [part, join(root ?? home, part)] as const);
  return {
    weights,
    config: fileExists(config) ? config : undefined,
    root,
    parts: root === undefined ? {} : Object.fromEntries(parts.filter(([, folder]) => isFolder(folder))),
    index: fileExists(index) ? readJsonObject(index) : {},
  };
}

/** The folder of a part in that of a pipeline, where there is one. */
export function partFolder(path: string, part: ModelPart): string | undefined {
  const folder = join(path, part);
  return isFolder(path) && isFolder(folder) ? folder : undefined;
}

/** The files of settings that are read beside the weights. */
export function settingsFiles(files: ModelFiles): string[] {
  const index = files.root && join(files.root, INDEX);
  return [files.config, index, schedulerFile(files)].filter((path) => path !== undefined);
}

/** `scheduler_config.json`, where the model has one. */
export function schedulerFile({ parts: { scheduler } }: ModelFiles): string | undefined {
  const path = scheduler === undefined ? '' : join(scheduler, 'scheduler_config.json');
  return fileExists(path) ? path : undefined;
}

function networkOf(pipeline: string): string {
  const transformer = join(pipeline, 'transformer');
  if (isFolder(transformer)) return transformer;
  throw new IncacheError(
    `${pipeline} has a ${INDEX}, but no folder 'transformer'; expected the pipeline of a diffusion transformer`,
  );
}
