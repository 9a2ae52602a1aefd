/** A prompt through T5-XXL, layer by layer: the memory that it takes, and the time beside that of reading the file once. */
import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Columns, markdownTable } from '../table.js';
import { type DeviceChoice, deviceName, presentDevices } from './devices.js';
import { IMPORT_PEAK_MEMORY } from './peakMemory.js';
import { type RandomTensor, writeRandomBf16 } from './randomBf16.js';

/** T5 v1.1 XXL, whose 24 layers take 9.5 GB in bfloat16. */
const XXL = {
  ...{ model_type: 't5', feed_forward_proj: 'gated-gelu', vocab_size: 32128 },
  ...{ d_model: 4096, num_heads: 64, d_kv: 64, d_ff: 10240 },
  ...{ relative_attention_num_buckets: 32, relative_attention_max_distance: 128 },
} as const;
const ALL_LAYERS = 24;

/** Of PixArt-alpha. */
const TOKENS = 120;

export interface TextEncoderRow {
  readonly contender: string;
  readonly layers: number;
  /** Of the file that was measured. */
  readonly fileBytes: number;
  /** The most that was resident of the process. */
  readonly peakBytes: number;
  /** Of one prompt, weights read and packed. */
  readonly milliseconds: number;
  /** Of reading the file from its beginning to its end, right before. */
  readonly readMilliseconds: number;
  /** With the layers that a whole encoder has more, each at the time of these. */
  readonly wholeMilliseconds: number;
}

const moduleText = (name: string) => JSON.stringify(new URL(`../../src/${name}.js`, import.meta.url).href);

const PROGRAM = `
  ${IMPORT_PEAK_MEMORY}
  import { openDevice } from ${moduleText('backend/choose')};
  import { T5Checkpoint } from ${moduleText('engine/t5Checkpoint')};
  import { T5TextEncoder } from ${moduleText('engine/t5TextEncoder')};
  const [, folder, choice] = process.argv;
  const { backend, ...options } = JSON.parse(choice);
  const device = await openDevice(backend, options);
  const encoder = new T5TextEncoder(new T5Checkpoint(folder), device);
  const ids = Int32Array.from({ length: ${TOKENS} }, (_, i) => i === ${TOKENS - 1} ? 1 : 3 + 37 * i);
  const times = [];
  const onHidden = () => times.push(performance.now());
  const started = performance.now();
  const values = await encoder.encode([{ ids, length: ${TOKENS} }], { onHidden });
  const ended = performance.now();
  if (!values.every(Number.isFinite)) throw new Error('the embeddings are not finite');
  const peak = peakMemory();
  process.stdout.write(JSON.stringify([peak, ended - started, times.at(-1) - times[0]]));
`;

/** Half of the layers by default: each takes the same, and a disk may not have room for all. */
export async function textEncoder(layers = ALL_LAYERS / 2, devices = presentDevices(), sizes: object = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'incache-bench-'));
  try {
    const path = join(folder, 'model.safetensors');
    const config = { ...XXL, ...sizes, num_layers: layers };
    writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
    writeRandomBf16(path, tensorsOf(config));
    const rows = devices.map((choice) => measure(folder, path, layers, choice));
    const text = `T5 v1.1 XXL of random bfloat16 weights, ${layers} of its ${ALL_LAYERS} layers, one prompt of ${TOKENS} tokens, each line a process of its own that reads a layer, uses it and frees it.`;
    return { text, rows };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function measure(folder: string, path: string, layers: number, choice: DeviceChoice): TextEncoderRow {
  const readMilliseconds = timeOfReading(path);
  const args = ['--input-type=module', '-e', PROGRAM, folder, JSON.stringify(choice)];
  const [peakBytes, milliseconds, ofLayers] = JSON.parse(
    execFileSync(process.execPath, args, { encoding: 'utf8' }),
  ) as [number, number, number];
  return {
    contender: deviceName(choice),
    layers,
    fileBytes: statSync(path).size,
    peakBytes,
    milliseconds,
    readMilliseconds,
    wholeMilliseconds: milliseconds + (ofLayers / layers) * (ALL_LAYERS - layers),
  };
}

function timeOfReading(path: string): number {
  const buffer = Buffer.alloc(2 ** 26);
  const file = openSync(path, 'r');
  const started = performance.now();
  while (readSync(file, buffer, 0, buffer.length, null) > 0);
  const ended = performance.now();
  closeSync(file);
  return ended - started;
}

type Sizes = { readonly [K in keyof typeof XXL]: (typeof XXL)[K] extends number ? number : string };

function* tensorsOf(config: Sizes & { readonly num_layers: number }): Generator<RandomTensor> {
  const { d_model: width, num_heads: heads, d_kv: head, d_ff: hidden, vocab_size: vocabulary } = config;
  const attention = heads * head;
  yield { name: 'shared.weight', shape: [vocabulary, width], deviation: 1 };
  for (let layer = 0; layer < config.num_layers; layer++) {
    const name = (part: string) => `encoder.block.${layer}.layer.${part}.weight`;
    // Scores are not divided by the root of the head dimension, which the queries make up for.
    yield { name: name('0.SelfAttention.q'), shape: [attention, width], deviation: (width * head) ** -0.5 };
    for (const part of ['k', 'v'])
      yield { name: name(`0.SelfAttention.${part}`), shape: [attention, width], deviation: width ** -0.5 };
    yield { name: name('0.SelfAttention.o'), shape: [width, attention], deviation: attention ** -0.5 };
    if (layer === 0)
      yield {
        name: name('0.SelfAttention.relative_attention_bias'),
        shape: [config.relative_attention_num_buckets, heads],
        deviation: 1,
      };
    for (const part of ['wi_0', 'wi_1'])
      yield { name: name(`1.DenseReluDense.${part}`), shape: [hidden, width], deviation: width ** -0.5 };
    yield { name: name('1.DenseReluDense.wo'), shape: [width, hidden], deviation: hidden ** -0.5 };
    for (const part of ['0', '1']) yield { name: name(`${part}.layer_norm`), shape: [width] };
  }
  yield { name: 'encoder.final_layer_norm.weight', shape: [width] };
}

const gigabytes = (bytes: number) => (bytes / 1e9).toFixed(2);
const seconds = (milliseconds: number) => (milliseconds / 1000).toFixed(1);

const COLUMNS: Columns<TextEncoderRow> = [
  ['', ({ contender }) => contender],
  ['layers', ({ layers }) => layers],
  ['file, GB', ({ fileBytes }) => gigabytes(fileBytes)],
  ['peak resident, GB', ({ peakBytes }) => gigabytes(peakBytes)],
  ['a prompt, s', ({ milliseconds }) => seconds(milliseconds)],
  ['reading the file, s', ({ readMilliseconds }) => seconds(readMilliseconds)],
  [`a prompt through ${ALL_LAYERS} layers, s`, ({ wholeMilliseconds }) => seconds(wholeMilliseconds)],
];

export function textEncoderTable(rows: readonly TextEncoderRow[]): string {
  return markdownTable(COLUMNS, rows);
}
