/** The requests and answers of the server as JSON schemas: they are checked by them, and the OpenAPI document is made of them. */
import type { ResolvedLimits } from './options.js';

const BASE64 = { type: 'string', description: 'The PNG in base64.' } as const;

/** Characters of a prompt at most, as in OpenAI's API. */
const LONGEST_PROMPT = 4000;

export function requestSchema(limits: ResolvedLimits) {
  return {
    type: 'object',
    additionalProperties: false,
    properties: {
      prompt: {
        type: 'string',
        maxLength: LONGEST_PROMPT,
        description: 'What to draw; of a model of classes the name of one.',
      },
      label: {
        anyOf: [{ type: 'integer' }, { type: 'string', maxLength: 1000 }],
        description: 'Of a model of classes: its number or name, instead of a prompt.',
      },
      negative_prompt: {
        type: 'string',
        maxLength: LONGEST_PROMPT,
        description: 'What pictures should not show; needs guidance.',
      },
      model: { type: 'string', maxLength: 1000, description: 'The model that is served; see /v1/models.' },
      n: { type: 'integer', minimum: 1, maximum: limits.images, default: 1, description: 'Images.' },
      size: {
        type: 'string',
        pattern: '^(auto|[1-9][0-9]{0,5}x[1-9][0-9]{0,5})$',
        default: 'auto',
        description: 'Width x height in pixels, as in 512x768; auto: as the model was trained for.',
      },
      response_format: { type: 'string', enum: ['b64_json', 'url'], default: 'b64_json' },
      seed: {
        type: 'integer',
        minimum: 0,
        maximum: Number.MAX_SAFE_INTEGER,
        description:
          'Seed of the noise: image i depends on it and on i alone. Default: random, see the answer.',
      },
      steps: { type: 'integer', minimum: 1, maximum: limits.steps, description: 'Denoising steps.' },
      guidance: {
        type: 'number',
        minimum: 0,
        maximum: limits.guidance,
        description: 'Classifier-free guidance scale; 1 is none.',
      },
      policy: {
        type: 'string',
        enum: ['none', 'reuse', 'taylorseer'],
        description: 'Cache policy. Default: that of the server.',
      },
      period: {
        type: 'integer',
        minimum: 1,
        maximum: 1000,
        description: 'Of policies reuse and taylorseer: compute every so many steps in full.',
      },
      recipe: {
        type: 'string',
        maxLength: 1000,
        description: 'A recipe of the server, instead of a policy; see /v1/models.',
      },
      stream: {
        type: 'boolean',
        default: false,
        description: 'Answer with server-sent events: progress, previews, and each image when it is done.',
      },
      partial_images: {
        type: 'integer',
        minimum: 0,
        maximum: 3,
        default: 0,
        description: 'Previews of each image that a stream has.',
      },
      user: { type: 'string', maxLength: 1000, description: 'Not looked at.' },
      quality: { type: 'string', enum: ['auto'] },
      background: { type: 'string', enum: ['auto', 'opaque'] },
      moderation: { type: 'string', enum: ['auto', 'low'], description: 'Not looked at.' },
      output_format: { type: 'string', enum: ['png'] },
    },
  } as const;
}

export const IMAGES_SCHEMA = {
  description: 'The images; with `stream` server-sent events instead.',
  type: 'object',
  properties: {
    created: { type: 'integer', description: 'Seconds since 1970.' },
    data: {
      type: 'array',
      items: {
        type: 'object',
        properties: { b64_json: BASE64, url: { type: 'string' } },
      },
    },
    background: { type: 'string' },
    output_format: { type: 'string' },
    size: { type: 'string' },
    seed: {
      type: 'integer',
      description: 'With it and the same other fields the same images are drawn again.',
    },
  },
  required: ['created', 'data'],
} as const;

export const ERROR_SCHEMA = {
  description: "An error in the form of OpenAI's API.",
  type: 'object',
  properties: {
    error: {
      type: 'object',
      properties: {
        message: { type: 'string' },
        type: { type: 'string' },
        param: { type: ['string', 'null'] },
        code: { type: ['string', 'null'] },
      },
      required: ['message', 'type', 'param', 'code'],
    },
  },
  required: ['error'],
} as const;

const MODEL = {
  type: 'object',
  properties: {
    id: { type: 'string' },
    object: { type: 'string' },
    created: { type: 'integer' },
    owned_by: { type: 'string' },
    recipes: { type: 'array', items: { type: 'string' } },
  },
  required: ['id', 'object', 'created', 'owned_by'],
} as const;

export const MODEL_SCHEMA = { description: 'The model.', ...MODEL } as const;

export const MODELS_SCHEMA = {
  description: 'The model that is served.',
  type: 'object',
  properties: { object: { type: 'string' }, data: { type: 'array', items: MODEL } },
  required: ['object', 'data'],
} as const;

export const HEALTH_SCHEMA = {
  description: 'Whether requests are taken.',
  type: 'object',
  properties: {
    status: { type: 'string', enum: ['ok', 'closing', 'queue away'] },
    model: { type: 'string' },
    waiting: { type: 'integer', description: 'Images that wait.' },
    drawing: { type: 'integer', description: 'Images that are drawn now.' },
    workers: { type: 'integer', description: 'With a queue: the workers that draw for it.' },
  },
  required: ['status', 'model'],
} as const;
