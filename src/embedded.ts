/** The files of the embedded default model: a small DiT for handwritten digits (models/digits/README.md). */
import { packageFile } from './packageFile.js';

/** Path of the embedded model: 10 classes, 1 channel of 32 x 32 pixels, learned sigma. */
export const EMBEDDED_MODEL = packageFile('models/digits/dit-digits.safetensors');

/** Path of 512 training images (`images` uint8, `labels`) for calibration of the embedded model. */
export const EMBEDDED_CALIBRATION_IMAGES = packageFile('models/digits/calibration-images.safetensors');
