/** The life of one request for images: it ends when the client leaves, when its time is over, or when it was answered. */
import type { ServerResponse } from 'node:http';
import { ApiError } from './apiError.js';
import { ClientGone } from './clientGone.js';

export class Call implements Disposable {
  readonly #controller = new AbortController();
  readonly #response: ServerResponse;
  readonly #timer: NodeJS.Timeout;
  readonly #gone = () => this.#controller.abort(new ClientGone());

  constructor(response: ServerResponse, seconds: number) {
    this.#response = response;
    response.once('close', this.#gone);
    this.#timer = setTimeout(() => this.abort(tooLong(seconds)), seconds * 1000);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  abort(reason: ApiError): void {
    this.#controller.abort(reason);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#response.off('close', this.#gone);
  }
}

function tooLong(seconds: number): ApiError {
  return new ApiError(504, `the images took longer than ${seconds} s, which is the limit`, {
    code: 'timeout',
  });
}

/** Ends the connection of a client that does not take its answer. */
export function limitDelivery(response: ServerResponse, seconds: number): void {
  // A timer for one that has ended would keep the process from ending.
  if (response.destroyed) return;
  const timer = setTimeout(() => response.destroy(), seconds * 1000);
  response.once('close', () => clearTimeout(timer));
}
