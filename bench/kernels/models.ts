/** The models whose shapes are timed. */
import { EMBEDDED_MODEL } from '../../src/embedded.js';
import { DenoiserCheckpoint } from '../../src/engine/checkpoint.js';
import { type DiTConfig, namedConfig } from '../../src/models/dit/config.js';
import { tokensOf } from '../../src/models/transformer/config.js';

export interface ModelShape {
  readonly name: string;
  /** Of one image. */
  readonly tokens: number;
  readonly hidden: number;
  readonly mlp: number;
  readonly heads: number;
}

/** DiT-S/2, B/2 and XL/2 on images of 256 pixels, and the embedded model. */
export function modelShapes(): Record<'small' | 'base' | 'extraLarge' | 'embedded', ModelShape> {
  return {
    small: shapeOf('S/2', namedConfig('DiT-S/2')),
    base: shapeOf('B/2', namedConfig('DiT-B/2')),
    extraLarge: shapeOf('XL/2', namedConfig('DiT-XL/2')),
    embedded: shapeOf('embedded', embeddedConfig()),
  };
}

function embeddedConfig(): DiTConfig {
  using checkpoint = new DenoiserCheckpoint(EMBEDDED_MODEL);
  return checkpoint.network.config as DiTConfig;
}

function shapeOf(name: string, config: DiTConfig): ModelShape {
  const { hiddenSize: hidden, mlpSize: mlp, heads } = config;
  return { name, tokens: tokensOf(config), hidden, mlp, heads };
}

/** A linear of a block: `columns` outputs of `depth` inputs, as `parts` side by side with factors of their own. */
export interface LinearShape {
  readonly name: string;
  readonly depth: number;
  readonly columns: number;
  readonly parts: number;
}

export function linearsOf({ hidden, mlp }: ModelShape): LinearShape[] {
  return [
    { name: 'qkv', depth: hidden, columns: 3 * hidden, parts: 3 },
    { name: 'proj', depth: hidden, columns: hidden, parts: 1 },
    { name: 'fc1', depth: hidden, columns: mlp, parts: 1 },
    { name: 'fc2', depth: mlp, columns: hidden, parts: 1 },
  ];
}
