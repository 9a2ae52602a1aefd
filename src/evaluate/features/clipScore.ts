/**
 * How well pictures fit their captions (CLIPScore, Hessel et al., arXiv 2104.08718): 100 max(cos, 0) of CLIP's embeddings of
 * both, as torchmetrics gives it; the paper's factor is 2.5. The model is the user's, as two ONNX files.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fromByte } from '../../calibrate/pictureValues.js';
import { ArgumentError, FormatError, IncacheError } from '../../errors.js';
import { toByte } from '../../pipeline/picture.js';
import { ClipTokenizer } from '../../text/clipTokenizer.js';
import { type Pictures, requirePictures } from '../metrics/pictures.js';
import { resizeBicubic } from './bicubic.js';
import { loadOnnxRuntime, type OnnxRuntime, type OnnxSession, type OnnxTensor } from './onnxRuntime.js';

export interface ClipFiles {
  /** ONNX models: pictures (images x 3 x side x side) to embeddings, and token ids (texts x tokens) to embeddings. */
  readonly image: string;
  readonly text: string;
  /** CLIP's `tokenizer.json`. */
  readonly tokenizer: string;
  /** Default: `onnxruntime-node`, loaded when it is needed. */
  readonly runtime?: OnnxRuntime;
}

/** Of CLIP's pictures, by channel, after they were brought to [0, 1]. */
const MEAN = [0.48145466, 0.4578275, 0.40821073];
const DEVIATION = [0.26862954, 0.26130258, 0.27577711];
const [USUAL_SIDE, USUAL_TOKENS] = [224, 77];
/** Outputs by the names that transformers and optimum give them. */
const OUTPUTS = { image: 'image_embeds', text: 'text_embeds' };

export class ClipScore {
  readonly #side: number;
  readonly #tokens: number;

  private constructor(
    readonly fingerprint: string,
    readonly runtime: OnnxRuntime,
    readonly image: OnnxSession,
    readonly text: OnnxSession,
    readonly tokenizer: ClipTokenizer,
  ) {
    this.#side = sizeOf(image, 'image', 2) ?? USUAL_SIDE;
    this.#tokens = sizeOf(text, 'text', 1) ?? USUAL_TOKENS;
  }

  /** Throws an `IncacheError` where onnxruntime or a file cannot be loaded, a `FormatError` for files that are no such models. */
  static async load({ image, text, tokenizer, runtime: given }: ClipFiles): Promise<ClipScore> {
    const tokens = ClipTokenizer.load(tokenizer);
    const models = [readModel(image), readModel(text)] as const;
    const runtime = given ?? (await loadOnnxRuntime());
    const pictures = await sessionOf(image, runtime, models[0]);
    try {
      const hash = createHash('sha256').update(models[0]).update(models[1]).update(readFileSync(tokenizer));
      const texts = await sessionOf(text, runtime, models[1]);
      return new ClipScore(hash.digest('hex'), runtime, pictures, texts, tokens);
    } catch (error) {
      await pictures.release();
      throw error;
    }
  }

  /** Of each picture with its caption, from 0 to 100. */
  async scores(pictures: Pictures, captions: readonly string[]): Promise<number[]> {
    requirePictures(pictures);
    if (captions.length !== pictures.shape[0])
      throw new ArgumentError(
        'captions',
        `${captions.length} of them`,
        `${pictures.shape[0]}, one a picture`,
      );
    const images = await this.#embedded(this.image, 'image', this.#pixels(pictures), captions.length);
    const texts = await this.#embedded(this.text, 'text', this.#ids(captions), captions.length);
    return captions.map((_, i) => 100 * Math.max(0, cosine(images[i]!, texts[i]!)));
  }

  async dispose(): Promise<void> {
    await this.image.release();
    await this.text.release();
  }

  /** Cropped to a square of the model's side, its channels brought to CLIP's mean and deviation. */
  #pixels(pictures: Pictures): Record<string, OnnxTensor> {
    const rounded = { ...pictures, data: pictures.data.map((value) => fromByte(toByte(value))) };
    const [images, given, fromHeight, fromWidth] = pictures.shape;
    const side = this.#side;
    const scale = side / Math.min(fromHeight, fromWidth);
    const [height, width] = [fromHeight, fromWidth].map((size) =>
      Math.max(side, Math.round(size * scale)),
    ) as [number, number];
    const { data } = resizeBicubic(rounded, height, width);
    const [top, left] = [(height - side) >> 1, (width - side) >> 1];
    const out = new Float32Array(images * 3 * side * side);
    let place = 0;
    for (let image = 0; image < images; image++)
      for (let c = 0; c < 3; c++) {
        const plane = (image * given + (given === 1 ? 0 : c)) * height * width;
        for (let y = 0; y < side; y++)
          for (let x = 0; x < side; x++) {
            const value = data[plane + (top + y) * width + left + x]!;
            out[place++] = ((Math.min(1, Math.max(-1, value)) + 1) / 2 - MEAN[c]!) / DEVIATION[c]!;
          }
      }
    const name = this.image.inputMetadata[0]!.name;
    return { [name]: new this.runtime.Tensor('float32', out, [images, 3, side, side]) };
  }

  /** Token ids, and a mask of those before the padding where the model takes one. */
  #ids(captions: readonly string[]): Record<string, OnnxTensor> {
    const encoded = captions.map((caption) => this.tokenizer.encode(caption, this.#tokens));
    const shape = [captions.length, this.#tokens];
    const [ids, mask] = this.text.inputMetadata;
    const tensor = (values: number[]) =>
      new this.runtime.Tensor('int64', BigInt64Array.from(values, BigInt), shape);
    return {
      [ids!.name]: tensor(encoded.flatMap((each) => each.ids)),
      ...(mask && {
        [mask.name]: tensor(encoded.flatMap(({ ids: all, used }) => all.map((_, i) => (i < used ? 1 : 0)))),
      }),
    };
  }

  async #embedded(
    session: OnnxSession,
    kind: keyof typeof OUTPUTS,
    feeds: Record<string, OnnxTensor>,
    count: number,
  ): Promise<Float32Array[]> {
    const name = session.outputNames.find((output) => output === OUTPUTS[kind]) ?? session.outputNames[0]!;
    const { data, dims } = (await session.run(feeds, [name]))[name]!;
    if (!(data instanceof Float32Array) || dims.length !== 2 || dims[0] !== count)
      throw new FormatError(
        `output ${name} of CLIP's ${kind} model has shape [${dims}]; expected [${count}, width] in float32`,
      );
    const width = dims[1]!;
    return Array.from({ length: count }, (_, i) => data.subarray(i * width, (i + 1) * width));
  }
}

function readModel(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new IncacheError(`cannot read ${path}: ${(error as Error).message}`, { cause: error });
  }
}

async function sessionOf(path: string, runtime: OnnxRuntime, model: Uint8Array): Promise<OnnxSession> {
  try {
    return await runtime.InferenceSession.create(model);
  } catch (error) {
    throw new FormatError(`${path} is not an ONNX model that can be run: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/** That the model fixes; undefined where it leaves it open. */
function sizeOf(
  { inputMetadata }: OnnxSession,
  kind: keyof typeof OUTPUTS,
  axis: number,
): number | undefined {
  const [input, ...others] = inputMetadata;
  const isImage = kind === 'image';
  const shape = input?.shape ?? [];
  const fits = isImage
    ? input?.type === 'float32' && shape.length === 4 && shape[1] === 3 && others.length === 0
    : input?.type === 'int64' && shape.length === 2 && others.length <= 1;
  if (!fits)
    throw new FormatError(
      `CLIP's ${kind} model takes ${inputMetadata.map(({ name, type, shape: own }) => `${name} (${type} [${own}])`).join(', ')}; expected ${isImage ? 'float32 pictures, images x 3 x side x side' : 'int64 token ids, texts x tokens, and at most a mask of the same shape'}`,
    );
  const size = shape[axis];
  return typeof size === 'number' && size > 0 ? size : undefined;
}

function cosine(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length)
    throw new FormatError(
      `CLIP's image embeddings have width ${a.length} and its text embeddings ${b.length}; expected one`,
    );
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    ab += a[i]! * b[i]!;
    aa += a[i]! * a[i]!;
    bb += b[i]! * b[i]!;
  }
  return ab / Math.sqrt(aa * bb);
}
