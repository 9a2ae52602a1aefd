/** Makes a pipeline give pictures so large that a client which reads nothing keeps the server waiting. */
import { Picture } from '../../src/pipeline/picture.js';
import type { Pipeline } from '../../src/pipeline/pipeline.js';

/** More than sockets keep for both sides. */
const BYTES = 48 * 2 ** 20;

export class PictureFlood implements Disposable {
  readonly #generate: Pipeline['generate'];
  readonly bytes = BYTES;
  given = 0;

  constructor(readonly pipeline: Pipeline) {
    this.#generate = pipeline.generate;
    const picture = new Picture(1, 1, 1, new Uint8Array(1));
    picture.toPng = () => new Uint8Array(BYTES);
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
