/** Errors in the form of OpenAI's API: what clients of it can read. */

import { ArgumentError, IncacheError, NonFiniteError, OutOfMemoryError } from 'incache';
import { ClientGone } from './clientGone.js';

export interface ErrorBody {
  readonly error: {
    readonly message: string;
    readonly type: string;
    /** The field of the request that is wrong. */
    readonly param: string | null;
    readonly code: string | null;
  };
}

interface ApiErrorOptions {
  readonly param?: string | undefined;
  readonly code?: string;
  /** Seconds after which another attempt may do better. */
  readonly retryAfter?: number;
  readonly cause?: unknown;
}

/** An error that a client is told of. */
export class ApiError extends Error {
  override name = 'ApiError';
  readonly param: string | undefined;
  readonly code: string | undefined;
  readonly retryAfter: number | undefined;

  constructor(
    readonly status: number,
    message: string,
    { param, code, retryAfter, cause }: ApiErrorOptions = {},
  ) {
    super(message, { cause });
    this.param = param;
    this.code = code;
    this.retryAfter = retryAfter;
  }

  get body(): ErrorBody {
    const { message, param = null, code = null } = this;
    return { error: { message, type: typeOf(this.status), param, code } };
  }
}

/** Of a field that is well-formed, but not what can be drawn. */
export function wrongField(param: string, what: string, expected: string): ApiError {
  return new ApiError(400, `${what} cannot be drawn; expected ${expected}`, { param, code: 'invalid_value' });
}

/** What a client has sent, as messages quote it. */
export function shortened(text: string): string {
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

function typeOf(status: number): string {
  if (status === 429) return 'rate_limit_error';
  return status < 500 ? 'invalid_request_error' : 'server_error';
}

/** Options of the engine, as a request calls them. */
const FIELDS: Readonly<Record<string, string>> = {
  prompts: 'prompt',
  negativePrompt: 'negative_prompt',
  labels: 'label',
  guidanceScale: 'guidance',
  height: 'size',
  width: 'size',
};

/** What a client is told of an error. One that it cannot have caused is not described. */
export function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  // Nobody reads it; the number is the one that nginx's logs have.
  if (isGone(error)) return new ApiError(499, 'the client has gone');
  if (error instanceof OutOfMemoryError)
    return new ApiError(503, error.message, { code: 'out_of_memory', cause: error });
  if (error instanceof NonFiniteError)
    return new ApiError(400, error.message, { code: 'not_finite', cause: error });
  if (error instanceof ArgumentError) {
    const name = error.argument.replace(/\[.*/, '');
    return new ApiError(400, error.message, {
      param: FIELDS[name] ?? name,
      code: 'invalid_value',
      cause: error,
    });
  }
  if (error instanceof IncacheError && error.name === 'DecodeError' && error.cause)
    return toApiError(error.cause);
  return fromFastify(error) ?? new ApiError(500, 'the server failed; its log says why', { cause: error });
}

/** Whether a call has ended because its client left, before its answer began or within it. */
function isGone(error: unknown): boolean {
  return error instanceof ClientGone || (error as FastifyFailure).code === 'ERR_STREAM_PREMATURE_CLOSE';
}

interface FastifyFailure {
  readonly statusCode?: number;
  readonly message?: string;
  readonly code?: string;
  readonly validation?: readonly {
    readonly keyword: string;
    readonly instancePath: string;
    readonly message?: string;
    readonly params: Readonly<Record<string, unknown>>;
  }[];
}

/** Of requests that are no JSON, too large, or not as the schema says. */
function fromFastify(error: unknown): ApiError | undefined {
  const { statusCode, message = '', validation } = error as FastifyFailure;
  const [first] = validation ?? [];
  if (first) {
    const { keyword, instancePath, params } = first;
    if (keyword === 'additionalProperties') {
      const short = shortened(String(params.additionalProperty));
      return new ApiError(400, `unknown field '${short}'; /openapi.json lists those that there are`, {
        param: short,
        code: 'unknown_parameter',
      });
    }
    const param = instancePath.slice(1) || (params.missingProperty as string | undefined);
    const allowed = Array.isArray(params.allowedValues) ? `: ${params.allowedValues.join(', ')}` : '';
    return new ApiError(400, `${param ?? 'the body'} ${first.message}${allowed}`, {
      param,
      code: 'invalid_value',
    });
  }
  if (statusCode === undefined || statusCode >= 500) return undefined;
  const isOtherType = statusCode === 415;
  return new ApiError(statusCode, isOtherType ? 'expected a header content-type: application/json' : message);
}
