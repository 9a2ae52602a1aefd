/** Makes a pipeline give pictures so large that a client which reads nothing keeps the server waiting. */
import { randomBytes } from 'node:crypto';
import { Picture } from '../../src/pipeline/picture.js';
import type { Pipeline } from '../../src/pipeline/pipeline.js';

const SIDE = 1024;

export class PictureFlood implements Disposable {
  readonly #generate: Pipeline['generate'];
  given = 0;
  /** Of a picture. */
  readonly bytes = SIDE * SIDE * 3;

  constructor(readonly pipeline: Pipeline) {
    this.#generate = pipeline.generate;
    // Noise, which PNG cannot shorten.
    const picture = new Picture(SIDE, SIDE, 3, randomBytes(SIDE * SIDE * 3));
    pipeline.generate = async (options, onStep) => {
      const result = await this.#generate.call(pipeline, options, onStep);
      this.given++;
      return { ...result, images: result.images.map(() => picture) };
    };
  }

  [Symbol.dispose](): void {
    this.pipeline.generate = this.#generate;
  }
}
