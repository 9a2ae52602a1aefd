/** A request as the batcher sees it: images to be drawn, and what others must have in common with them to share a batch. */
import type { ImageOptions, Picture, SampleOptions } from 'incache';

/** One step of one image. */
export interface ImageStep {
  /** From 0, and how many there are. */
  readonly index: number;
  readonly steps: number;
  /** What it looks like now; only while the step is reported. */
  preview(): Picture;
}

export interface DrawnImage extends Required<ImageOptions> {
  /** Of a model of prompts. */
  readonly prompt?: string;
  readonly negative?: string;
  /** Of a model of classes. */
  readonly label?: number;
}

export interface Drawing {
  readonly user: string;
  readonly images: readonly DrawnImage[];
  /** What all images of a batch share. */
  readonly options: Pick<SampleOptions, 'steps' | 'sampler' | 'height' | 'width' | 'cache'>;
  /** Tells `options` from others. */
  readonly key: string;
  /** Whether images of such options may share a batch: where a policy decides while it runs, an image depends on its batch. */
  readonly sharesBatches: boolean;
  readonly signal: AbortSignal;
  /** Both are called until the signal is aborted or an image has failed. */
  readonly onStep?: (image: number, step: ImageStep) => void;
  readonly onImage?: (image: number, picture: Picture) => void;
}
