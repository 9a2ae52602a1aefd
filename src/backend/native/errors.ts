/** Errors of libincache as those of incache. */
import { totalmem } from 'node:os';
import { IncacheError, OutOfMemoryError, PlanError } from '../../errors.js';

/** `incache_status` of incache.h. */
const BAD_PLAN = 2;

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
  const { status, message } = error as { status?: number; message: string };
  if (status === undefined) return error;
  if (status === BAD_PLAN) return new PlanError(message, { cause: error });
  return outOfMemory(message) ?? new IncacheError(message, { cause: error });
}

/** The processor may use all memory there is; a GPU says how much of its own is free. */
function outOfMemory(message: string): OutOfMemoryError | undefined {
  const [, asked, inUse] = /asked for (\d+) bytes with (\d+) in use/.exec(message) ?? [];
  if (asked === undefined) return undefined;
  const [, device] = /^(cuda:\d+) /.exec(message) ?? [];
  const [, free] = /in use; (\d+) of/.exec(message) ?? [];
  const limit = free === undefined ? totalmem() : Number(inUse) + Number(free);
  return new OutOfMemoryError(Number(asked), Number(inUse), limit, device ?? 'the native backend');
}
