/** Where the model of emoji lies (models/emoji/README.md), which is a package of its own. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { packageFile } from '../../packageFile.js';

/** The package that holds the model of emoji. */
export const EMOJI_PACKAGE = '@incache/emoji';

/** The folder of the model that draws emoji from words, of a checkout or of its package; undefined where it is not installed. */
export function emojiModel(): string | undefined {
  const own = packageFile('models/emoji');
  if (existsSync(own)) return own;
  try {
    return dirname(createRequire(packageFile('package.json')).resolve(`${EMOJI_PACKAGE}/package.json`));
  } catch {
    return undefined;
  }
}
