/** What `incache info` says of a file of incache's own: factors, measured errors, fits, an exported model. */
import { statSync } from 'node:fs';
import { ErrorTable } from '../cache/data/errorTable.js';
import { FactorSet } from '../cache/data/factorSet.js';
import { StepGrams } from '../cache/data/stepGrams.js';
import { metadataOf, type OwnFile, ownFile } from '../engine/ownFiles.js';
import { formatBytes } from '../errors.js';
import { machineName } from '../evaluate/runs/tuneBench.js';
import { HEADER_KEY } from '../export/format.js';
import { Recipe } from '../pipeline/recipe.js';
import { printable } from '../printable.js';
import { parseJsonObject } from '../weights/jsonFile.js';
import { rankText } from './rankText.js';
import { table } from './table.js';

export interface OwnFileReport {
  readonly kind: OwnFile;
  readonly facts: Readonly<Record<string, unknown>>;
}

/** Undefined for a file that is none of ours, or cannot be read; who opens it then says why. */
export function ownFileReport(path: string): OwnFileReport | undefined {
  const metadata = metadataOf(path);
  const kind = metadata && ownFile(metadata);
  if (kind === undefined) return undefined;
  return { kind, facts: { ...factsOf(kind, path, metadata!), size: formatBytes(statSync(path).size) } };
}

export function ownFileText({ kind, facts }: OwnFileReport): string {
  const rows = Object.entries(facts).filter(([, value]) => value !== undefined);
  return table(
    [kind, ''],
    rows.map(([name, value]) => [name, printable(String(value))]),
  );
}

function factsOf(kind: OwnFile, path: string, metadata: Readonly<Record<string, string>>) {
  switch (kind) {
    case 'factors': {
      const factors = FactorSet.load(path);
      return { ...factors.info, layers: factors.layers.size, rank: rankText(factors) };
    }
    case 'errors': {
      const errors = ErrorTable.load(path);
      return { ...errors.info, kinds: errors.kinds.join(', ') };
    }
    case 'fits': {
      const fits = StepGrams.load(path);
      const { timesteps, ...info } = fits.info;
      return { ...info, steps: timesteps.length, features: fits.features.size };
    }
    case 'recipe': {
      const { info, parameters, factors, fits } = Recipe.load(path);
      const { measured, ...rest } = info;
      return {
        ...rest,
        ...parameters,
        factors: factors && `${factors.info.method}, rank ${rankText(factors)}`,
        fits: fits && `of ${fits.info.images} images`,
        'PSNR, dB':
          measured.spread === undefined
            ? measured.psnr.toFixed(2)
            : `${measured.psnr.toFixed(2)} +- ${measured.spread.toFixed(2)} over the images`,
        'MACs, uncached = 1': measured.macs.toFixed(3),
        'time, uncached = 1': measured.time.toFixed(3),
        cache: `${formatBytes(measured.cacheBytes)} for a batch of ${measured.batch}`,
        'measured on': `${measured.images} images of seed ${measured.seed}, ${measured.backend}, ${measured.threads} threads, ${measured.machine}`,
        warning:
          measured.machine === machineName()
            ? undefined
            : `times are not of this machine, ${machineName()}; incache tune measures them here`,
      };
    }
    case 'exported model':
      return exportedFacts(path, metadata[HEADER_KEY]!);
  }
}

function exportedFacts(path: string, text: string): Record<string, unknown> {
  const header = parseJsonObject(`the header of ${path}`, text);
  const { name, images, channels, height, width, classes, inputs, sampler, guidanceScale, steps, plans } =
    header;
  return {
    name,
    'images in a batch': images,
    latents: `${channels} x ${height} x ${width}`,
    // Files of older versions have labels alone, and say how many classes there are.
    inputs: Array.isArray(inputs) ? inputs.map((input) => input?.name).join(', ') : 'labels',
    classes:
      classes ?? (Array.isArray(inputs) ? inputs.find((input) => input?.name === 'labels')?.most : undefined),
    sampler,
    steps: Array.isArray(steps) ? steps.length : undefined,
    'guidance scale': guidanceScale,
    plans: Array.isArray(plans) ? plans.length : undefined,
  };
}
