/** Makes a pipeline give pictures so large that a client which reads nothing keeps the server waiting. */
import { randomFillSync } from 'node:crypto';
import { Picture } from '../../src/pipeline/picture.js';
import type { Pipeline } from '../../src/pipeline/pipeline.js';

/** Of a side: noise, which no PNG makes smaller, of more bytes than sockets keep for both sides. */
const SIDE = 2500;

export class PictureFlood implements Disposable {
  readonly #generate: Pipeline['generate'];
  /** Of the PNG at least. */
  readonly bytes = 3 * SIDE ** 2;

  constructor(readonly pipeline: Pipeline) {
    this.#generate = pipeline.generate;
    const picture = new Picture(SIDE, SIDE, 3, randomFillSync(new Uint8Array(this.bytes)));
    pipeline.generate = async (options, onStep) => {
      const result = await this.#generate.call(pipeline, options, onStep);
      return { ...result, images: result.images.map(() => picture) };
    };
  }

  [Symbol.dispose](): void {
    this.pipeline.generate = this.#generate;
  }
}
