import type { Command } from 'commander';
import type { BatchShape } from '../../engine/autoencoder.js';
import { isExportedModel } from '../../engine/ownFiles.js';
import { ArgumentError, FormatError, requireOneOf } from '../../errors.js';
import { ExportedPipeline } from '../../export/exportedPipeline.js';
import { decodeLatents } from '../../pipeline/decodeLatents.js';
import { isPictureSpace, type Picture, picturesOf } from '../../pipeline/picture.js';
import { NpzFile } from '../../weights/npz.js';
import { interruptSignal } from '../exit.js';
import { integer } from '../parse.js';
import { addPictureFlags, type PictureFlags, requirePicturePath, say, writePictures } from '../pictures.js';
import { startProgress } from '../progress.js';
import {
  addDeviceFlags,
  addOutputFlags,
  addVaeFlags,
  type DeviceFlags,
  deviceOptions,
  type OutputFlags,
  type VaeFlags,
} from '../shared.js';
import { counted } from '../table.js';

interface DecodeFlags extends OutputFlags, PictureFlags, VaeFlags, DeviceFlags {
  readonly array?: string;
  readonly tiles: string;
  readonly tileSize?: number;
  readonly out?: string;
}

interface Latents {
  readonly values: Float32Array;
  readonly shape: BatchShape;
}

/** Where `incache sample` keeps latents. */
const ARRAY = 'samples';

const TILES = { auto: 'auto', always: true, never: false } as const;
const TILE_CHOICES = Object.keys(TILES) as (keyof typeof TILES)[];

export function register(program: Command): void {
  const command = program
    .command('decode')
    .description('Make pictures of latents, as incache sample keeps them in an .npz file.')
    .argument('<latents>', '.npz with latents of images x channels x height x width')
    .option('--array <name>', `its array (default: ${ARRAY}, or the only one)`)
    .option(
      '-o, --out <path>',
      'a grid of pictures (.png, or - for standard output), or with --single a folder (default: the name of the latents)',
    )
    .option('--tiles <when>', `decode in overlapping tiles: ${TILE_CHOICES.join(', ')}`, 'auto')
    .option(
      '--tile-size <n>',
      'side of a tile in latents (default: of the pictures that the autoencoder was trained on)',
      integer('tile-size', 4),
    );
  addOutputFlags(addDeviceFlags(addVaeFlags(addPictureFlags(command)))).action(runDecode);
}

async function runDecode(path: string, flags: DecodeFlags): Promise<void> {
  const { tiles, json } = flags;
  requireOneOf('tiles', tiles, TILE_CHOICES);
  const out = flags.out ?? `${path.replace(/(\.latents)?\.npz$/, '')}${flags.single ? '' : '.png'}`;
  requirePicturePath(flags, out, false);
  const signal = interruptSignal();
  const latents = readLatents(path, flags.array);
  const progress = startProgress('decoding', latents.shape[0], json === true);
  const started = performance.now();
  try {
    const pictures = await picturesFrom(latents, flags, TILES[tiles], signal, () => progress.advance());
    writePictures(flags, out, pictures);
    progress.stop();
    const milliseconds = performance.now() - started;
    const { width, height } = pictures[0]!;
    const report = { out, images: pictures.length, width, height, milliseconds };
    say(out, json ? `${JSON.stringify(report)}\n` : summary(report));
  } finally {
    progress.stop();
  }
}

async function picturesFrom(
  { values, shape }: Latents,
  flags: DecodeFlags,
  tiled: boolean | 'auto',
  signal: AbortSignal,
  onImage: () => void,
): Promise<Picture[]> {
  const { vae, tileSize, scalingFactor, shiftFactor } = flags;
  if (vae === undefined) {
    if (isPictureSpace(shape[1])) return picturesOf(values, shape);
    throw new ArgumentError('vae', vae, `an autoencoder of ${shape[1]} latent channels`);
  }
  if (isExportedModel(vae)) {
    await using pipeline = await ExportedPipeline.load(vae, deviceOptions(flags));
    return await pipeline.decode(values, shape, { signal });
  }
  return decodeLatents(values, shape, {
    ...deviceOptions(flags),
    vae,
    scalingFactor,
    shiftFactor,
    tiled,
    ...(tileSize !== undefined && { tileSize }),
    signal,
    onImage,
  });
}

function readLatents(path: string, array: string | undefined): Latents {
  using file = NpzFile.open(path);
  const name = array ?? (file.names.length === 1 ? file.names[0]! : ARRAY);
  if (!file.has(name))
    throw new ArgumentError('array', name, `one of the arrays of ${path}: ${file.names.join(', ')}`);
  const { shape } = file.header(name);
  if (shape.length !== 4 || shape.includes(0))
    throw new FormatError(
      `${path}: array '${name}' has shape [${shape}]; expected latents of images x channels x height x width`,
    );
  const values = file.readFloat32(name);
  if (!values.every(Number.isFinite))
    throw new FormatError(`${path}: array '${name}' holds values that are not finite`);
  return { values, shape: shape as unknown as BatchShape };
}

function summary(report: {
  out: string;
  images: number;
  width: number;
  height: number;
  milliseconds: number;
}) {
  const { out, images, width, height, milliseconds } = report;
  const name = out === '-' ? 'standard output' : out;
  return `${name}: ${counted(images, 'image')} of ${width} x ${height}, decoded in ${(milliseconds / 1000).toFixed(2)} s\n`;
}
