/** What the manifest says of the checkpoints in the golden folder. */
import { existsSync } from 'node:fs';
import { dirname, relative } from 'node:path';
import { goldenFolder, readGoldenText } from './golden.js';

export interface CheckpointFacts {
  readonly what?: string;
  /** Of hostile and damaged files: whether a reader may load or must reject them. */
  readonly reader?: string;
}

const MANIFEST = 'checkpoints/manifest.json';

/** Of every file in the manifest, its path relative to the golden folder and the facts. */
export function checkpointFacts(): Map<string, CheckpointFacts> {
  if (!existsSync(`${goldenFolder()}/${MANIFEST}`)) return new Map();
  const { files } = JSON.parse(readGoldenText(MANIFEST)) as { files: Record<string, CheckpointFacts> };
  return new Map(Object.entries(files).map(([name, facts]) => [`checkpoints/${name}`, facts]));
}

/** The heads of the model in a folder of Meta's checkpoints, which no shape tells. */
export function metaHeads(folder: string): number {
  for (const [name, { what = '' }] of checkpointFacts()) {
    if (relative(folder, dirname(name)) !== '') continue;
    const [, heads] = /"num_heads": (\d+)/.exec(what) ?? [];
    if (heads !== undefined) return Number(heads);
  }
  throw new Error(`the manifest does not say how many heads the models of ${folder} have`);
}
