/** Calls from a page to the worker of its engine: each is answered once, may tell of its progress and can be cancelled. */

import {
  ArgumentError,
  FormatError,
  IncacheError,
  NonFiniteError,
  OutOfMemoryError,
  PlanError,
} from '../errors.js';
import type { MessageScope } from '../platform/types.js';

/** What a method of the worker gets beside its arguments. */
export interface CallContext {
  readonly signal: AbortSignal;
  progress(value: unknown): void;
}

export type Methods<T> = {
  readonly [K in keyof T]: T[K] extends { readonly takes: infer A; readonly gives: infer R }
    ? (args: A, context: CallContext) => Promise<R> | R
    : never;
};

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((value: never) => void) | undefined;
}

type Request =
  | { readonly id: number; readonly method: string; readonly args: unknown }
  | { readonly id: number; readonly cancel: true };

type Answer =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: PortableError }
  | { readonly id: number; readonly progress: unknown };

interface PortableError {
  readonly name: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

interface Pending {
  resolve(value: unknown): void;
  reject(error: unknown): void;
  readonly onProgress: ((value: never) => void) | undefined;
}

/** The page's side. T: the methods, by name, with what each `takes` and `gives`. */
export class RemoteCalls<T> {
  readonly #worker: Worker;
  readonly #pending = new Map<number, Pending>();
  #next = 0;
  #failure: IncacheError | undefined;

  constructor(worker: Worker) {
    this.#worker = worker;
    worker.onmessage = ({ data }) => this.#receive(data as Answer);
    worker.onerror = (event) => {
      event.preventDefault();
      this.fail(`the worker of the engine has failed: ${event.message || 'its file could not be loaded'}`);
    };
    worker.onmessageerror = () =>
      this.fail('the browser could not pass a message to the worker of the engine');
  }

  /** Rejects with the error of the method, the reason of `signal`, or an `IncacheError` where the worker has ended. */
  call<K extends keyof T & string>(
    method: K,
    args: T[K] extends { readonly takes: infer A } ? A : never,
    { signal, onProgress }: CallOptions = {},
  ): Promise<T[K] extends { readonly gives: infer R } ? R : never> {
    return new Promise((resolve, reject) => {
      if (this.#failure) throw this.#failure;
      signal?.throwIfAborted();
      const id = this.#next++;
      const cancel = () => {
        this.#post({ id, cancel: true });
        end();
        reject(signal!.reason);
      };
      const end = () => {
        this.#pending.delete(id);
        signal?.removeEventListener('abort', cancel);
      };
      signal?.addEventListener('abort', cancel);
      this.#pending.set(id, {
        resolve: (value) => {
          end();
          resolve(value as never);
        },
        reject: (error) => {
          end();
          reject(error);
        },
        onProgress,
      });
      try {
        this.#post({ id, method, args });
      } catch (error) {
        end();
        throw new IncacheError(`an option cannot be passed to a worker: ${(error as Error).message}`, {
          cause: error,
        });
      }
    });
  }

  /** Ends the worker; calls under way reject with `reason`. */
  fail(reason: string): void {
    this.#failure ??= new IncacheError(reason);
    this.#worker.terminate();
    for (const { reject } of [...this.#pending.values()]) reject(this.#failure);
  }

  #post(request: Request): void {
    this.#worker.postMessage(request);
  }

  #receive(answer: Answer): void {
    const pending = this.#pending.get(answer.id);
    if (!pending) return;
    if ('progress' in answer) pending.onProgress?.(answer.progress as never);
    else if ('error' in answer) pending.reject(revived(answer.error));
    else pending.resolve(answer.value);
  }
}

/** The worker's side: serves calls until it is terminated. */
export function serveCalls<T>(scope: MessageScope, methods: Methods<T>): void {
  const running = new Map<number, AbortController>();
  const serve = async ({ id, method, args }: Extract<Request, { method: string }>) => {
    const controller = new AbortController();
    running.set(id, controller);
    try {
      const action = methods[method as keyof T] as (args: unknown, context: CallContext) => unknown;
      const progress = (value: unknown) => scope.postMessage({ id, progress: value });
      const value = await action(args, { signal: controller.signal, progress });
      scope.postMessage({ id, value });
    } catch (error) {
      scope.postMessage({ id, error: portable(error) });
    } finally {
      running.delete(id);
    }
  };
  scope.onmessage = ({ data }) => {
    const request = data as Request;
    if ('cancel' in request) running.get(request.id)?.abort();
    else void serve(request);
  };
}

const ERRORS = { IncacheError, ArgumentError, FormatError, PlanError, OutOfMemoryError, NonFiniteError };

function portable(error: unknown): PortableError {
  const { name = 'Error', message = String(error) } = error as Partial<Error>;
  const fields = Object.entries(error as object).filter(([, value]) => typeof value !== 'object');
  return { name, message, fields: Object.fromEntries(fields) };
}

/** With the class and the fields that it had in the worker; its cause stays there. */
function revived({ name, message, fields }: PortableError): Error {
  const known = ERRORS[name as keyof typeof ERRORS];
  if (!known) return Object.assign(new Error(message), { name });
  return Object.assign(Object.setPrototypeOf(new IncacheError(message), known.prototype), fields);
}
