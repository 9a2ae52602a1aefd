/** Who asks: a bearer token, or where there are none an address. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { ApiError } from './apiError.js';

export class Users {
  readonly #digests: readonly Buffer[];

  /** @param tokens those that are served; without any everybody is */
  constructor(tokens: readonly string[]) {
    this.#digests = tokens.map(digestOf);
  }

  /** Tells one user from another. Throws an `ApiError` of status 401 for a token that is missing or wrong. */
  userOf({ headers, ip }: Pick<FastifyRequest, 'headers' | 'ip'>): string {
    if (this.#digests.length === 0) return ip;
    const [, token] = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '') ?? [];
    if (token === undefined)
      throw new ApiError(401, 'a bearer token is needed: header Authorization: Bearer TOKEN', {
        code: 'invalid_api_key',
      });
    const digest = digestOf(token);
    // All are compared, so that time tells nothing.
    const found = this.#digests.map((known) => timingSafeEqual(known, digest)).includes(true);
    if (!found) throw new ApiError(401, 'the bearer token is wrong', { code: 'invalid_api_key' });
    // The same at every server of a queue, whatever their other tokens.
    return `token ${digest.toString('hex')}`;
  }
}

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
