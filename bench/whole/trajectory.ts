import { type Contender, interleave, medianRatio } from '../../src/bench/measure.js';
import { calibrate, imageSource, loadCalibrationImages } from '../../src/calibrate/index.js';
import { meanPsnr } from '../../src/evaluate/index.js';
import { type CacheOptions, EMBEDDED_CALIBRATION_IMAGES, EMBEDDED_MODEL, Pipeline } from '../../src/index.js';
import { median } from '../../src/median.js';

const LABELS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
const ROUNDS = 7;
const PERIOD = 2;
const RANKS = [16, 32];

/** DDIM-50 of the embedded model, ten digits with guidance, full against cached, in turn. */
export async function trajectory() {
  await using pipeline = await Pipeline.load(EMBEDDED_MODEL);
  const images = loadCalibrationImages(EMBEDDED_CALIBRATION_IMAGES, pipeline.network);
  const source = imageSource(pipeline.network, { ...images, count: 256, batch: 32 });
  const policies: [string, CacheOptions][] = [
    ['full', {}],
    ['reuse', { policy: 'reuse', period: PERIOD }],
  ];
  for (const rank of RANKS) {
    const factors = await calibrate(pipeline, { method: 'cd', rank, source });
    for (const form of ['input', 'rank'] as const)
      policies.push([
        `calibrated, cd, r = ${rank}, ${form} form`,
        { policy: 'calibrated', period: PERIOD, factors, form },
      ]);
  }
  const outcomes = new Map<string, { latents: Float32Array; macs: number; stepTime: number[] }>();
  const contenders: Contender[] = policies.map(([name, cache]) => ({
    name,
    flops: 0,
    run: async () => {
      const { latents, report } = await pipeline.generate({ labels: LABELS, cache });
      const stepTime = outcomes.get(name)?.stepTime ?? [];
      outcomes.set(name, { latents, macs: report.macs, stepTime: [...stepTime, report.milliseconds] });
    },
  }));
  await interleave(contenders, { rounds: ROUNDS, warmUp: 1 });
  const full = outcomes.get('full')!;
  const rows = policies.map(([policy]) => {
    const { latents, macs, stepTime } = outcomes.get(policy)!;
    const [timeRatio, macRatio] = [medianRatio(stepTime, full.stepTime), macs / full.macs];
    return {
      policy,
      milliseconds: median(stepTime),
      macs,
      timeRatio,
      macRatio,
      timeOverMacs: timeRatio / macRatio,
      psnr: policy === 'full' ? undefined : meanPsnr(latents, full.latents, LABELS.length),
    };
  });
  const { backend, threads } = pipeline.device;
  const lines = rows.map(
    (row) =>
      `| ${row.policy} | ${(row.milliseconds / 1000).toFixed(2)} | ${(row.macs / 1e9).toFixed(1)} | ${row.timeRatio.toFixed(3)} | ${row.macRatio.toFixed(3)} | ${row.timeOverMacs.toFixed(2)} | ${row.psnr?.toFixed(1) ?? ''} |`,
  );
  const text = [
    `DDIM-50, ${LABELS.length} images with guidance, ${backend}, ${threads} threads, median of ${ROUNDS} interleaved`,
    '',
    '| policy | s | GMAC | time ratio | MAC ratio | time / MACs | PSNR, dB |',
    '|---|---|---|---|---|---|---|',
    ...lines,
  ].join('\n');
  return { text, backend, threads, rounds: ROUNDS, period: PERIOD, rows };
}
