/** A request as the batcher sees it: images to be drawn, and what others must have in common with them to share a batch. */

import type { ImageOptions, SampleOptions } from 'incache';
import type { CacheChoice } from './cacheChoice.js';

/** One step of one image. */
export interface ImageStep {
  /** From 0, and how many there are. */
  readonly index: number;
  readonly steps: number;
  /** What the image looks like now, where a preview is due. */
  readonly preview?: Preview;
}

export interface Preview {
  /** From 0, among the previews of its image. */
  readonly number: number;
  readonly png: Uint8Array;
}

/** A picture that is done. */
export interface Drawn {
  readonly png: Uint8Array;
  /** Where clients may fetch it, where the server need not keep it for them. */
  readonly url?: string;
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
  /** Of which cache policy `options.cache` is. */
  readonly choice: CacheChoice;
  /** Tells `options` from others. */
  readonly key: string;
  readonly signal: AbortSignal;
  /** Previews of each image that `onStep` is given, spread evenly over the steps. */
  readonly previews: number;
  /** Both are called until the signal is aborted or an image has failed. */
  readonly onStep?: (image: number, step: ImageStep) => void;
  readonly onImage?: (image: number, drawn: Drawn) => void;
}

/** Draws what requests ask for. */
export interface Drawer {
  /**
   * Takes a drawing in. Rejects with an `ApiError`: of status 429 where the queue has no place for all of its images, of 503 where
   * nobody can take them.
   */
  accept(drawing: Drawing): Promise<AcceptedDrawing>;
  counts(): Promise<DrawerCounts>;
}

export interface AcceptedDrawing {
  /** Rejects with the reason of the drawing's signal when that is aborted, and else with the error of the first image that failed. */
  readonly drawn: Promise<Drawn[]>;
}

export interface DrawerCounts {
  /** Images that wait, those that are drawn now left out. */
  readonly waiting: number;
  /** Images that are drawn now. */
  readonly drawing: number;
  /** Processes that draw, where these are others. */
  readonly workers?: number;
}
