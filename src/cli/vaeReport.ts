/** What `incache info` says of an autoencoder. */
import type { VaeCheckpoint } from '../engine/vaeCheckpoint.js';
import { formatBytes } from '../errors.js';
import { scaleOf } from '../models/vae/config.js';
import { decoderPlan } from '../models/vae/graph.js';
import { planCost } from '../plan/cost.js';
import { layoutTemporaries } from '../plan/layout.js';
import { gmac, table } from './table.js';
import { typesText } from './typesText.js';

/** Sides of the pictures for which costs are told. */
const SIDES = [256, 512];

type VaeReport = ReturnType<typeof vaeReport>;

/** For programs. */
export function vaeReport(checkpoint: VaeCheckpoint) {
  const { config, layout, names, hasEncoder } = checkpoint;
  const entries = names.map((name) => checkpoint.entry(name));
  const parameters = entries.reduce(
    (sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1),
    0,
  );
  const scale = scaleOf(config);
  return {
    family: 'autoencoder',
    layout,
    types: typesText(entries.map(({ dtype }) => dtype)),
    config,
    hasEncoder,
    scale,
    parameters,
    decoding: SIDES.map((side) => {
      const latent = Math.ceil(side / scale);
      const plan = decoderPlan(config, { height: latent, width: latent });
      return { side: latent * scale, memory: layoutTemporaries(plan).arenaBytes, macs: planCost(plan).macs };
    }),
  };
}

export function vaeText(report: VaeReport): string {
  const { layout, types, config, hasEncoder, scale, parameters, decoding } = report;
  const { imageChannels, latentChannels, channels, scalingFactor, shiftFactor, groups } = config;
  const shift = shiftFactor === 0 ? '' : `, shift factor ${shiftFactor}`;
  return table(
    ['autoencoder', ''],
    [
      ['file', `names of ${layout}; ${types}`],
      ['pictures', `${imageChannels} channels, ${scale} pixels for each place of a latent`],
      ['latents', `${latentChannels} channels, scaling factor ${scalingFactor}${shift}`],
      ['levels', `${channels.length}, of ${channels.join(', ')} channels; norms of ${groups} groups`],
      ['encoder', hasEncoder ? 'present' : 'none: it decodes only'],
      ['parameters', `${(parameters / 1e6).toFixed(2)} M, in float32 ${formatBytes(4 * parameters)}`],
      ...decoding.map(({ side, memory, macs }) => [
        `to decode ${side} x ${side}`,
        `${formatBytes(memory)} beside the weights, ${gmac(macs)}`,
      ]),
    ],
  );
}
