/** The models that come with incache: digits (models/digits/README.md), and emoji as a package of its own (models/emoji/README.md). */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { packageFile } from './packageFile.js';

/** Path of the embedded model: 10 classes, 1 channel of 32 x 32 pixels, learned sigma. */
export const EMBEDDED_MODEL = packageFile('models/digits/dit-digits.safetensors');

/** Path of 512 training images (`images` uint8, `labels`) for calibration of the embedded model. */
export const EMBEDDED_CALIBRATION_IMAGES = packageFile('models/digits/calibration-images.safetensors');

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
