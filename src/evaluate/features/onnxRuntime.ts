/** The part of onnxruntime that is used, and how it is found: it is the user's to install. */
import { IncacheError } from '../../errors.js';

export interface OnnxTensor {
  readonly dims: readonly number[];
  readonly data: unknown;
}

export interface OnnxValueMetadata {
  readonly name: string;
  readonly isTensor: boolean;
  readonly type?: string;
  /** Sizes; a name or -1 where the model leaves one open. */
  readonly shape?: readonly (number | string)[];
}

export interface OnnxSession {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  readonly inputMetadata: readonly OnnxValueMetadata[];
  run(feeds: Record<string, OnnxTensor>, fetches: readonly string[]): Promise<Record<string, OnnxTensor>>;
  release(): Promise<void>;
}

export interface OnnxRuntime {
  readonly InferenceSession: { create(model: Uint8Array): Promise<OnnxSession> };
  readonly Tensor: new (
    type: 'float32' | 'int64',
    data: Float32Array | BigInt64Array,
    dims: readonly number[],
  ) => OnnxTensor;
}

/** In a variable, so that the package compiles and loads where it is not installed. */
const PACKAGE = 'onnxruntime-node';

/** Throws an `IncacheError` that says how to install it where it is missing or does not load. */
export async function loadOnnxRuntime(name = PACKAGE): Promise<OnnxRuntime> {
  try {
    const module = await import(name);
    return module.default ?? module;
  } catch (error) {
    throw new IncacheError(
      `ONNX feature models need ${PACKAGE}, which is not installed or does not load (${firstLine(error)}); run: npm install ${PACKAGE}`,
      { cause: error },
    );
  }
}

function firstLine(error: unknown): string {
  return (error as Error).message.split('\n')[0]!;
}
