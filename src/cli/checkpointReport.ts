/** What `incache info` says of a checkpoint of a DiT beside its configuration: whose it is, and which parts of a pipeline are there. */
import type { DenoiserCheckpoint } from '../engine/checkpoint.js';
import { VaeCheckpoint } from '../engine/vaeCheckpoint.js';
import { IncacheError } from '../errors.js';
import { classesOf } from '../models/network.js';
import { scaleOf } from '../models/vae/config.js';
import { isPictureSpace } from '../pipeline/picture.js';
import { textCondition } from '../pipeline/text/textOptions.js';
import { typesText } from './typesText.js';

export interface CheckpointFacts {
  readonly family: string;
  /** The code whose names the tensors have. */
  readonly layout: string;
  /** As in `32 F32`. */
  readonly types: string;
  /** Pictures or latents, and how to get pictures. */
  readonly draws: string;
  readonly found: readonly string[];
  /** Each with what to do about it. */
  readonly missing: readonly string[];
}

export function checkpointFacts(checkpoint: DenoiserCheckpoint): CheckpointFacts {
  const { network, layout } = checkpoint;
  return {
    family: network.family,
    layout,
    types: typesText([...network.tensors.keys()].map((name) => checkpoint.entry(name).dtype)),
    draws: drawnBy(checkpoint),
    found: partsFound(checkpoint),
    missing: partsMissing(checkpoint),
  };
}

function partsFound({ files: { parts }, settings: { scheduler, id2label } }: DenoiserCheckpoint): string[] {
  const { scheduler: _, ...folders } = parts;
  return [
    ...(scheduler ? [`scheduler (${scheduler._class_name})`] : []),
    ...Object.keys(folders),
    ...(id2label ? [`id2label (${Object.keys(id2label).length} names)`] : []),
  ];
}

function partsMissing({ network, files, settings, labels }: DenoiserCheckpoint): string[] {
  const isLatent = !isPictureSpace(network.latents.channels);
  const usual = textCondition(network) ? 'DPM-Solver++' : "Meta's DDIM";
  return [
    ...(isLatent && !files.parts.vae ? ['vae (name one with --vae)'] : []),
    ...(settings.scheduler ? [] : [`scheduler (${usual}; else --sampler)`]),
    ...(classesOf(network) === 0 || labels.names.size > 0 ? [] : ['id2label (labels are numbers)']),
    ...(textCondition(network) && !files.parts.text_encoder
      ? ['text_encoder (name one with --text-encoder, or give --embeddings)']
      : []),
  ];
}

function drawnBy({ network, files: { parts } }: DenoiserCheckpoint): string {
  const { channels, height, width } = network.latents;
  const size = (ofPixel: number, scale = 1) => `${ofPixel} x ${height * scale} x ${width * scale}`;
  if (parts.vae === undefined && isPictureSpace(channels)) return `pictures, ${size(channels)}`;
  if (parts.vae === undefined) return `latents, ${size(channels)}`;
  try {
    using vae = new VaeCheckpoint(parts.vae);
    const { imageChannels, latentChannels } = vae.config;
    if (latentChannels === channels) return `pictures, ${size(imageChannels, scaleOf(vae.config))}`;
    return `latents: the vae has ${latentChannels} channels and not ${channels}`;
  } catch (error) {
    if (error instanceof IncacheError) return `latents: ${error.message}`;
    throw error;
  }
}
