/** A whole picture of DiT-XL/2 with Stable Diffusion's decoder, from the file to RGB: where the time goes. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FactorSet, type LayerFactors, Pipeline } from '../../src/index.js';
import { namedConfig, tensorShapes } from '../../src/models/index.js';
import type { CacheOptions } from '../../src/pipeline/options.js';
import { writeSafetensors } from '../../src/weights/index.js';
import { writeDecoder } from '../decoder/writeDecoder.js';
import { type Columns, markdownTable } from '../table.js';
import { sizeOf } from '../tensor.js';
import { randomValues } from './residentMemory.js';

export interface PictureRow {
  readonly policy: string;
  /** Milliseconds: all denoising steps, and the decoding. */
  readonly steps: number;
  readonly decoding: number;
  /** MACs and time of the steps over those without a cache. */
  readonly macRatio: number;
  readonly timeRatio: number;
}

const SIZE = 'DiT-XL/2';
const STEPS = 20;
const RANK = 128;
const LABELS = [207];
const PRECISION = 'bf16';

/** Random weights: times do not depend on them. Policies in turn, after one run that does not count and packs the weights. */
export async function picture(size = SIZE, steps = STEPS) {
  const folder = mkdtempSync(join(tmpdir(), 'incache-bench-'));
  try {
    const config = namedConfig(size);
    const model = join(folder, 'model.safetensors');
    const shapes = [...tensorShapes(config)].map(([name, shape]) => ({ name, dtype: 'F32' as const, shape }));
    writeSafetensors(
      model,
      shapes.map((tensor) => ({ ...tensor, data: () => randomValues(sizeOf(tensor.shape)) })),
    );
    const vae = writeDecoder(folder);
    const started = performance.now();
    await using pipeline = await Pipeline.load(model, {
      weights: PRECISION,
      backend: 'native',
      vae,
    });
    const opened = performance.now() - started;
    const layers = new Map(
      pipeline.network.layers.map(({ name, inputs: columns, outputs: rows }): [string, LayerFactors] => {
        const [up, down] = [randomValues(rows * RANK), randomValues(RANK * columns)];
        return [name, { rank: RANK, rows, columns, up, down }];
      }),
    );
    const origin = {
      method: 'svd',
      source: 'random',
      seed: 0,
      images: 1,
      sampler: 'ddim',
      createdBy: 'bench',
    } as const;
    const factors = new FactorSet(
      { ...origin, steps, modelHash: await pipeline.checkpoint.loadHash() },
      layers,
    );
    const policies: [string, CacheOptions][] = [
      ['full', { policy: 'none' }],
      ['reuse, p = 2', { policy: 'reuse', period: 2 }],
      [`calibrated, p = 2, r = ${RANK}`, { policy: 'calibrated', period: 2, factors }],
    ];
    const first = performance.now();
    for await (const _ of pipeline.sample({ labels: LABELS, steps: 2 })) break;
    const firstStep = performance.now() - first;
    const runs = [];
    for (const [policy, cache] of policies) {
      const { latents, shape, report } = await pipeline.generateLatents({ labels: LABELS, steps, cache });
      const decode = performance.now();
      await pipeline.decode(latents, shape);
      runs.push({ policy, report, decoding: performance.now() - decode });
    }
    const full = runs[0]!.report;
    const rows = runs.map(
      ({ policy, report, decoding }): PictureRow => ({
        policy,
        steps: report.milliseconds,
        decoding,
        macRatio: report.macs / full.macs,
        timeRatio: report.milliseconds / full.milliseconds,
      }),
    );
    const text = `One picture of 256 x 256 pixels by ${size} (random weights), ${steps} guided steps, native ${PRECISION}, ${pipeline.device.threads} threads, one run each; the first decoding reads and packs the decoder. Opened in ${opened.toFixed(0)} ms; the first step, with weights read and packed, took ${(firstStep / 1000).toFixed(1)} s.`;
    return { text, rows };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const seconds = (milliseconds: number) => (milliseconds / 1000).toFixed(2);

const COLUMNS: Columns<PictureRow> = [
  ['', ({ policy }) => policy],
  ['steps, s', ({ steps }) => seconds(steps)],
  ['decoder, s', ({ decoding }) => seconds(decoding)],
  ["decoder's share", ({ steps, decoding }) => `${((100 * decoding) / (steps + decoding)).toFixed(0)} %`],
  ['MACs over full', ({ macRatio }) => macRatio.toFixed(3)],
  ['time over full', ({ timeRatio }) => timeRatio.toFixed(3)],
];

export function pictureTable(rows: readonly PictureRow[]): string {
  return markdownTable(COLUMNS, rows);
}
