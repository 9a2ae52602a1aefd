/** An image as a job: what servers put into the queue, and what workers answer. */
import { ApiError, toApiError } from '../apiError.js';
import type { Drawing, DrawnImage } from '../drawing.js';
import { sha256 } from './fingerprint.js';

export interface JobData extends Pick<Drawing, 'choice' | 'key' | 'previews'> {
  readonly image: DrawnImage;
  readonly options: Omit<Drawing['options'], 'cache'>;
  /** Whether steps are to be told. */
  readonly isWatched: boolean;
}

export interface ImageJob {
  readonly id: string;
  readonly data: JobData;
}

/** What a worker tells of a step. */
export interface JobStep {
  readonly index: number;
  readonly steps: number;
  readonly preview?: { readonly number: number; readonly base64: string };
}

/** The id of a job is the hash of all that decides its image: who asks for the same image again finds the same job. */
export function jobOf(drawing: Drawing, image: DrawnImage, fingerprint: string): ImageJob {
  const { choice, key, previews, onStep } = drawing;
  const { cache: _, ...options } = drawing.options;
  const data = { image, options, choice, key, previews, isWatched: onStep !== undefined };
  return { id: sha256(JSON.stringify([fingerprint, image, options, choice])), data };
}

/** Of a job that a worker has dropped because nobody asked for it any more. */
const ABANDONED = 'abandoned';

export class Abandoned extends Error {
  override name = 'Abandoned';
  constructor() {
    super(ABANDONED);
  }
}

export function isAbandoned(reason: string): boolean {
  return reason === ABANDONED;
}

/** Why a job has failed, as it keeps it. */
export function reasonOf(error: unknown): string {
  if (error instanceof Abandoned) return ABANDONED;
  const { status, message, param, code } = toApiError(error);
  return JSON.stringify({ status, message, param, code });
}

/** What a server tells its client; where workers have died of a job, that the server failed. */
export function errorOf(reason: string): ApiError {
  try {
    const { status, message, param, code } = JSON.parse(reason);
    return new ApiError(status, message, { param, code });
  } catch {
    return toApiError(new Error(`a job of the queue failed: ${reason}`));
  }
}
