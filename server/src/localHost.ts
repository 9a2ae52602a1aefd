/** Whether a request is meant for this machine: a page of another site may have a name that leads here (DNS rebinding). */
import { ApiError } from './apiError.js';

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[?::1\]?)$/i;

export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host);
}

/** @param host header of a request, with a port or without. Throws an `ApiError` of status 403 for a name of another machine. */
export function requireLocalHost(host = ''): void {
  if (isLoopback(host.replace(/:\d+$/, ''))) return;
  throw new ApiError(
    403,
    'without a token the server answers to localhost and 127.0.0.1 alone; set --token',
    {
      code: 'wrong_host',
    },
  );
}
