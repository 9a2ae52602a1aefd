/** Errors of libincache as those of incache. */
import { totalmem } from 'node:os';
import { IncacheError, OutOfMemoryError, PlanError } from '../../errors.js';
import type { BindingError } from './binding.js';

/** `incache_status` of incache.h. */
const BAD_PLAN = 2;
const OUT_OF_MEMORY = 3;

/** Calls the addon; its errors become those of incache. */
export function native<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw translate(error);
  }
}

/** The same of work on another thread. */
export async function nativeAsync<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw translate(error);
  }
}

/** An error with a status comes from libincache; it gets the stack of its caller here. */
function translate(error: unknown): unknown {
  const { status, message } = error as Partial<BindingError>;
  if (status === undefined) return error;
  if (status === OUT_OF_MEMORY) return outOfMemory(error as BindingError);
  return new (status === BAD_PLAN ? PlanError : IncacheError)(message, { cause: error });
}

/** The processor may use all memory there is; a GPU says how much of its own it has. */
function outOfMemory({ device, asked = 0, inUse = 0, limit }: BindingError): OutOfMemoryError {
  const name = device === 'cpu' ? 'the native backend' : device || 'the process';
  return new OutOfMemoryError(asked, inUse, limit || totalmem(), name);
}
