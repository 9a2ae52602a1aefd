/** The model of the page: opened from its package, a file or a folder, with the factors that belong to it. */
import {
  EMBEDDED_CALIBRATION_IMAGES_URL,
  fetchFile,
  keepFile,
  keptFile,
  openPipeline,
  readFactors,
  readRecipe,
  savedFile,
} from 'incache/page';

/** Images by which the model of digits is calibrated; another one samples its own trajectories. */
const CALIBRATION_IMAGES = 64;
const CALIBRATION_BATCH = 16;

/** The models that the server of the page may have: an address, or files of a pipeline, beside which its recipe lies. */
const SERVED = {
  digits: { name: 'Digits', source: undefined },
  emoji: {
    name: 'Emoji',
    source: served('emoji', [
      'model_index.json',
      'scheduler/scheduler_config.json',
      'text_encoder/config.json',
      'text_encoder/model.safetensors',
      'tokenizer/spiece.model',
      'tokenizer/tokenizer_config.json',
      'transformer/config.json',
      'transformer/diffusion_pytorch_model.safetensors',
      'vae/config.json',
      'vae/diffusion_pytorch_model.safetensors',
    ]),
    recipe: addressOf('emoji', 'recipe.safetensors'),
  },
};

export class Model {
  /** Sets of factors by rank. */
  loaded = new Map();

  /** The best known cache of this model, where there is one. */
  recipe = undefined;

  constructor(pipeline, name, choice) {
    this.pipeline = pipeline;
    this.name = name;
    this.choice = choice;
  }

  /** choice: `digits` or `emoji`, or files by path. */
  static async open(choice, { threads, vae, signal, onProgress }) {
    const known = SERVED[choice];
    const pipeline = await openPipeline(known ? known.source : choice, {
      ...(threads > 0 && { threads }),
      ...(vae && { vae }),
      signal,
      onProgress,
    });
    const model = new Model(pipeline, known?.name ?? nameOf(choice), choice);
    if (known?.recipe) model.recipe = await readRecipe(await fetchFile(known.recipe, { signal }));
    return model;
  }

  static isServed(choice) {
    return choice in SERVED;
  }

  /** Whether it draws prompts; else classes. */
  get takesPrompts() {
    return this.pipeline.network.conditions.every(({ classes }) => classes === undefined);
  }

  /** What the page draws with it at first. */
  get settings() {
    if (this.choice === 'digits') return { labels: '0-9', guidance: 1.5, map: true };
    if (!this.takesPrompts) return { labels: '207', guidance: 1.5, map: false };
    const guidance = this.recipe?.info.guidanceScale ?? 4.5;
    return { guidance, map: false, ...(this.recipe && { third: 'recipe', steps: this.recipe.info.steps }) };
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
    const subjects = this.takesPrompts ? 'prompts' : `${this.pipeline.labels.classes} classes`;
    return `${this.name}: ${network.config.depth} blocks of width ${network.width}, ${subjects}, ${pictures}, ${computing}`;
  }

  /** What a class is called. */
  labelText(label) {
    return this.pipeline.labels.names.get(label) ?? String(label);
  }

  hasFactors(rank) {
    return this.loaded.has(rank);
  }

  /** Factors of this rank: those of an earlier visit, or calibrated now. prompts: what a model of prompts is calibrated on. */
  async factors(rank, { prompts, signal, onProgress }) {
    const known = this.loaded.get(rank);
    if (known) return known;
    const name = `factors-${await this.pipeline.hash(signal)}-${rank}`;
    const factors =
      (await keptFactors(name)) ?? (await this.#calibrate(rank, prompts, { signal, onProgress }));
    this.loaded.set(rank, factors);
    // Kept for the next visit; where there is no room it is done again then.
    void keepFile(name, savedFile(factors)).catch(() => undefined);
    return factors;
  }

  #calibrate(rank, prompts, options) {
    const source =
      this.choice === 'digits'
        ? { images: EMBEDDED_CALIBRATION_IMAGES_URL, count: CALIBRATION_IMAGES, batch: CALIBRATION_BATCH }
        : { count: 4, batch: 4, steps: 10, ...(prompts && { prompts }) };
    return this.pipeline.calibrate({ method: 'cd', rank, source }, options);
  }

  dispose() {
    return this.pipeline.dispose();
  }
}

async function keptFactors(name) {
  const file = await keptFile(name);
  // One of another version is made anew.
  return file && readFactors(file).catch(() => undefined);
}

function addressOf(model, file) {
  return new URL(`models/${model}/${file}`, document.baseURI).href;
}

function served(model, files) {
  return Object.fromEntries(files.map((file) => [file, addressOf(model, file)]));
}

function nameOf(source) {
  if (source instanceof Blob) return source.name;
  const [first] = Object.keys(source);
  return first.includes('/') ? first.split('/')[0] : first;
}
