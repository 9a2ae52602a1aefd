/** The files of the small model of handwritten digits (models/digits/README.md), a package of its own. */
import { join } from 'node:path';
import { modelFolder } from './modelPackages.js';
import { packageFile } from './packageFile.js';

const folder = modelFolder('digits') ?? packageFile('models/digits');

/** Path of the model: 10 classes, 1 channel of 32 x 32 pixels, learned sigma. */
export const EMBEDDED_MODEL = join(folder, 'dit-digits.safetensors');

/** Path of 512 of its training images (`images` uint8, `labels`), for calibration. */
export const EMBEDDED_CALIBRATION_IMAGES = join(folder, 'calibration-images.safetensors');

/** Path of the classifier that judges its images. */
export const EMBEDDED_CLASSIFIER = join(folder, 'classifier.safetensors');
