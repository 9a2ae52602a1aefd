/** The texts of a model file: where a text encoder for it lies, and what guidance leads away from. */
import { isFolder } from '#platform/files';
import { dirname, join } from '#platform/paths';
import type { Condition } from '../models/network.js';
import type { NegativeText, PromptModel } from '../pipeline/text/prompts.js';
import { textCondition } from '../pipeline/text/textOptions.js';
import type { SafetensorsFile } from '../weights/safetensors.js';
import type { ModelHeader } from './format.js';
import { LENGTHS, unconditionalTensor } from './inputs.js';

/** A text encoder and a tokenizer are looked for in the folder of the file. */
export function promptModelOf(
  file: SafetensorsFile,
  header: ModelHeader,
  conditions: readonly Condition[],
): PromptModel {
  const home = dirname(file.path);
  const parts = (['text_encoder', 'tokenizer'] as const).map((part) => [part, join(home, part)] as const);
  return {
    path: file.path,
    network: { conditions },
    parts: Object.fromEntries(parts.filter(([, folder]) => isFolder(folder))),
    nullText: () => storedText(file, header, conditions),
  };
}

function storedText(
  file: SafetensorsFile,
  { inputs }: ModelHeader,
  conditions: readonly Condition[],
): NegativeText | undefined {
  const { name, rows, columns: width } = textCondition({ conditions })!;
  const unconditional = (input: string) => inputs.find((each) => each.name === input)?.unconditional;
  if (unconditional(name) !== 'tensor') return undefined;
  const own = unconditional(LENGTHS);
  const length = typeof own === 'number' ? own : rows;
  const values = file.read(unconditionalTensor(name)).slice(0, length * width);
  return { embeddings: [{ values, length, width }], asPrompt: own === 'conditional' };
}
