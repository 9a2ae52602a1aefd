/** Features of any ONNX model of the user's: with InceptionV3 the Frechet distance is the field's FID. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { ArgumentError, FormatError, IncacheError } from '../../errors.js';
import { type Pictures, requirePictures, slicePictures } from '../metrics/pictures.js';
import { type ExtractedFeatures, type FeatureExtractor, spatialFeatures } from './featureExtractor.js';
import { type OnnxInput, onnxInput, preparePictures } from './onnxInput.js';
import { loadOnnxRuntime, type OnnxRuntime, type OnnxSession, type OnnxTensor } from './onnxRuntime.js';

export interface OnnxExtractorOptions {
  /** Output of features, images x d (or x d x 1 x 1). Default: the one of that name, or else the first. */
  readonly features?: string;
  /** Output of logits, images x classes. Default: the one named `logits`, if there is one. */
  readonly logits?: string;
  /** Output of feature maps, images x channels x height x width. Default: the one named `spatial`, if any. */
  readonly spatial?: string;
  /** What black and white are to the model. Default [0, 1]. */
  readonly range?: readonly [number, number];
  /** Default: `onnxruntime-node`, loaded when it is needed. */
  readonly runtime?: OnnxRuntime;
}

interface Outputs {
  readonly features: string;
  readonly logits: string | undefined;
  readonly spatial: string | undefined;
}

export class OnnxExtractor implements FeatureExtractor {
  readonly features: number;
  readonly spatialFeatures: number;
  readonly classes: number;

  private constructor(
    readonly name: string,
    readonly fingerprint: string,
    readonly runtime: OnnxRuntime,
    readonly session: OnnxSession,
    readonly input: OnnxInput,
    readonly outputs: Outputs,
    trial: ExtractedFeatures,
  ) {
    this.features = trial.features.length;
    this.spatialFeatures = trial.spatial.length;
    this.classes = trial.logits.length;
  }

  /**
   * Throws an `IncacheError` when onnxruntime or the file cannot be loaded, an `ArgumentError` for an output that
   * the model does not have and for a model that does not take pictures.
   */
  static async load(path: string, options: OnnxExtractorOptions = {}): Promise<OnnxExtractor> {
    const model = readModel(path);
    const runtime = options.runtime ?? (await loadOnnxRuntime());
    const session = await createSession(path, runtime, model);
    try {
      const input = onnxInput(path, session, options.range ?? [0, 1]);
      const outputs = outputsOf(session.outputNames, options);
      const trial = await run(runtime, session, input, outputs, blank(input));
      return new OnnxExtractor(
        basename(path),
        fingerprintOf(model, input, outputs),
        runtime,
        session,
        input,
        outputs,
        trial,
      );
    } catch (error) {
      await session.release();
      throw error;
    }
  }

  requireSize(channels: number, _height: number, _width: number): void {
    if (channels === this.input.channels || channels === 1) return;
    throw new ArgumentError(
      'pictures',
      `of ${channels} channels`,
      `${this.input.channels} or 1, as ${this.name} takes pictures of ${this.input.channels}`,
    );
  }

  async extract(pictures: Pictures): Promise<ExtractedFeatures> {
    const [images, ...size] = pictures.shape;
    this.requireSize(...size);
    requirePictures(pictures);
    const extracted = {
      features: new Float32Array(images * this.features),
      spatial: new Float32Array(images * this.spatialFeatures),
      logits: new Float32Array(images * this.classes),
    };
    const batch = this.input.batch ?? images;
    for (let first = 0; first < images; first += batch) {
      const part = slicePictures(pictures, first, Math.min(batch, images - first));
      const found = await run(this.runtime, this.session, this.input, this.outputs, part);
      extracted.features.set(found.features, first * this.features);
      extracted.spatial.set(found.spatial, first * this.spatialFeatures);
      extracted.logits.set(found.logits, first * this.classes);
    }
    return extracted;
  }

  async dispose(): Promise<void> {
    await this.session.release();
  }
}

function readModel(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new IncacheError(`cannot read ${path}: ${(error as Error).message}`, { cause: error });
  }
}

function fingerprintOf(model: Uint8Array, input: OnnxInput, outputs: Outputs): string {
  return createHash('sha256')
    .update(model)
    .update(JSON.stringify([input, outputs]))
    .digest('hex');
}

async function createSession(path: string, runtime: OnnxRuntime, model: Uint8Array): Promise<OnnxSession> {
  let session: OnnxSession;
  try {
    session = await runtime.InferenceSession.create(model);
  } catch (error) {
    throw new FormatError(`${path} is not an ONNX model that can be run: ${(error as Error).message}`, {
      cause: error,
    });
  }
  // Releases before 1.22 do not tell what a model wants.
  if (session.inputMetadata) return session;
  await session.release();
  throw new IncacheError('this onnxruntime is too old; run: npm install onnxruntime-node@latest');
}

function outputsOf(names: readonly string[], options: OnnxExtractorOptions): Outputs {
  for (const name of [options.features, options.logits, options.spatial])
    if (name !== undefined && !names.includes(name))
      throw new ArgumentError('output', name, `one of ${names.join(', ')}, which the model has`);
  const named = (name: string) => names.find((output) => output === name);
  return {
    features: options.features ?? named('features') ?? names[0]!,
    logits: options.logits ?? named('logits'),
    spatial: options.spatial ?? named('spatial'),
  };
}

/** One black picture, which shows how many features come out. */
function blank({ channels, height, width }: OnnxInput): Pictures {
  const [down, across] = [height ?? 299, width ?? 299];
  return { data: new Float32Array(channels * down * across).fill(-1), shape: [1, channels, down, across] };
}

async function run(
  runtime: OnnxRuntime,
  session: OnnxSession,
  input: OnnxInput,
  outputs: Outputs,
  pictures: Pictures,
): Promise<ExtractedFeatures> {
  const [images] = pictures.shape;
  const { data, shape } = preparePictures(pictures, input);
  const names = Object.values(outputs).filter((name) => name !== undefined);
  const feeds = { [input.name]: new runtime.Tensor('float32', data, shape) };
  const found = await session.run(feeds, [...new Set(names)]);
  const rows = (name: string | undefined) =>
    name === undefined ? new Float32Array(0) : leadingRows(name, found[name]!, images);
  const maps = outputs.spatial === undefined ? undefined : found[outputs.spatial]!;
  return {
    features: rows(outputs.features),
    logits: rows(outputs.logits),
    spatial: maps ? spatialOf(outputs.spatial!, maps, images) : new Float32Array(0),
  };
}

/** The rows of the pictures in a batch that was filled up. */
function leadingRows(name: string, { dims, data }: OnnxTensor, images: number): Float32Array {
  if (!(data instanceof Float32Array))
    throw new ArgumentError(`output ${name}`, Object.prototype.toString.call(data), 'float32 values');
  const batch = dims[0] ?? 0;
  if (dims.length < 2 || batch < images)
    throw new ArgumentError(`output ${name}`, `of shape [${dims}]`, `a row for each of ${images} pictures`);
  return data.slice(0, (data.length / batch) * images);
}

function spatialOf(name: string, tensor: OnnxTensor, images: number): Float32Array {
  const [, channels, height, width] = tensor.dims;
  if (tensor.dims.length !== 4)
    throw new ArgumentError(
      `output ${name}`,
      `of shape [${tensor.dims}]`,
      'images x channels x height x width',
    );
  const shape = [images, channels!, height!, width!] as const;
  return spatialFeatures({ data: leadingRows(name, tensor, images), shape });
}
