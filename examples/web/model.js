/** The model of the page: opened from its package, a file or a folder, with the factors that belong to it. */
import {
  EMBEDDED_CALIBRATION_IMAGES_URL,
  FactorSet,
  keepFile,
  keptFile,
  mountedFile,
  mountFile,
  openPipeline,
  unmountFile,
} from 'incache';

/** Images by which the model of digits is calibrated; another one samples its own trajectories. */
const CALIBRATION_IMAGES = 64;
const CALIBRATION_BATCH = 16;

/** Where a file of factors is while it is read or written. */
const FACTORS = 'factors.safetensors';

export class Model {
  /** Sets of factors by rank. */
  loaded = new Map();

  constructor(pipeline, name, source) {
    this.pipeline = pipeline;
    this.name = name;
    this.source = source;
  }

  /** source: what `openPipeline` takes; undefined for the small model of digits. */
  static async open(source, { threads, vae, signal, onProgress }) {
    const pipeline = await openPipeline(source, {
      ...(threads > 0 && { threads }),
      ...(vae && { vae }),
      signal,
      onProgress,
    });
    return new Model(pipeline, source ? nameOf(source) : 'Digits', source);
  }

  get isDigits() {
    return this.source === undefined;
  }

  /** A line for people. */
  get description() {
    const { network, threads, hasPictures, hasAutoencoder } = this.pipeline.info;
    const pictures = hasAutoencoder
      ? 'with its autoencoder'
      : hasPictures
        ? 'on pixels'
        : 'without an autoencoder: drop one to see its pictures, until then their colours are guessed';
    const computing = `${threads} ${threads === 1 ? 'thread' : 'threads'}`;
    return `${this.name}: ${network.config.depth} blocks of width ${network.width}, ${this.pipeline.labels.classes} classes, ${pictures}, ${computing}`;
  }

  /** What a class is called. */
  labelText(label) {
    return this.pipeline.labels.names.get(label) ?? String(label);
  }

  hasFactors(rank) {
    return this.loaded.has(rank);
  }

  /** Factors of this rank: those of an earlier visit, or calibrated now. */
  async factors(rank, { signal, onProgress }) {
    const known = this.loaded.get(rank);
    if (known) return known;
    const name = `factors-${await this.pipeline.hash(signal)}-${rank}`;
    const factors = (await readFactors(name)) ?? (await this.#calibrate(rank, { signal, onProgress }));
    this.loaded.set(rank, factors);
    // Kept for the next visit; where there is no room it is done again then.
    void keepFile(name, fileOf(factors)).catch(() => undefined);
    return factors;
  }

  #calibrate(rank, options) {
    const source = this.isDigits
      ? { images: EMBEDDED_CALIBRATION_IMAGES_URL, count: CALIBRATION_IMAGES, batch: CALIBRATION_BATCH }
      : { count: 4, batch: 4, steps: 10 };
    return this.pipeline.calibrate({ method: 'cd', rank, source }, options);
  }

  dispose() {
    return this.pipeline.dispose();
  }
}

async function readFactors(name) {
  const file = await keptFile(name);
  try {
    if (!file) return undefined;
    mountFile(FACTORS, new Uint8Array(await file.arrayBuffer()));
    return FactorSet.load(FACTORS);
  } catch {
    // Of another version.
    return undefined;
  } finally {
    unmountFile(FACTORS);
  }
}

function fileOf(factors) {
  factors.save(FACTORS);
  const file = mountedFile(FACTORS);
  unmountFile(FACTORS);
  return file;
}

function nameOf(source) {
  if (source instanceof Blob) return source.name;
  const [first] = Object.keys(source);
  return first.includes('/') ? first.split('/')[0] : first;
}
