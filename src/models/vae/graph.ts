/**
 * The graph of AutoencoderKL (Rombach et al., "High-Resolution Image Synthesis with Latent Diffusion Models"; diffusers'
 * `autoencoder_kl.py`, CompVis' `model.py`) as plans. Pixels are rows and channels columns, row by row of the picture.
 */
import { PlanBuilder, sliceColumns, sliceRows } from '../../plan/builder.js';
import type { ConvolutionGeometry } from '../../plan/convolution.js';
import type { FloatType, Plan, View } from '../../plan/types.js';
import { GROUP_NORM_EPSILON, layersOf, scaleOf, type VaeConfig } from './config.js';

/** Height and width in pixels. */
export interface PixelSize {
  readonly height: number;
  readonly width: number;
}

/** Features of one picture at some resolution: `view` is (height * width) x channels. */
export interface Features extends PixelSize {
  readonly view: View;
}

/** Called with what each part of the network gives, under diffusers' name; may append operations that read it. */
export type FeatureTap = (builder: PlanBuilder, name: string, features: Features) => void;

export interface VaePlanOptions extends PixelSize {
  /** Type of what lies between operations. Default `f32`. */
  readonly activations?: FloatType | undefined;
  readonly tap?: FeatureTap | undefined;
}

/**
 * The decoder for one latent of `height` x `width`.
 * Input: `latents` 1 x (latent channels * height * width), as z, without scaling factor and shift. Output: `image`,
 * 1 x (image channels * picture's height * width), about -1 to 1.
 */
export function decoderPlan(config: VaeConfig, options: VaePlanOptions): Plan {
  const graph = new VaeGraph(config, 'decoder', options);
  const latents = graph.pixels('latents', config.latentChannels, options);
  let x = config.postQuantConv ? graph.linear('post_quant_conv', latents, config.latentChannels) : latents;
  graph.tap('post_quant_conv', x);
  const widths = [...config.channels].reverse();
  x = graph.middle(graph.convolution('decoder.conv_in', x, widths[0]!));
  for (const [level, width] of widths.entries()) {
    x = graph.resnets(`up_blocks.${level}`, x, width, layersOf(config, 'up'));
    if (level < widths.length - 1)
      x = graph.convolution(`decoder.up_blocks.${level}.upsamplers.0.conv`, x, width, {
        upsample: 2,
        room: widths[level + 1]! < width,
      });
    graph.tap(`up_blocks.${level}`, x);
  }
  const out = graph.convolution('decoder.conv_out', graph.normOut(x), config.imageChannels);
  return graph.build('image', out);
}

/**
 * The encoder for one picture of `height` x `width`.
 * Input: `image` 1 x (image channels * height * width), -1 to 1. Output: `moments`, 1 x (2 * latent channels * latent's
 * height * width): the mean of z, then the logarithm of its variance.
 */
export function encoderPlan(config: VaeConfig, options: VaePlanOptions): Plan {
  const graph = new VaeGraph(config, 'encoder', options);
  const image = graph.pixels('image', config.imageChannels, options);
  let x = graph.convolution('encoder.conv_in', image, config.channels[0]!);
  graph.tap('conv_in', x);
  for (const [level, width] of config.channels.entries()) {
    x = graph.resnets(`down_blocks.${level}`, x, width, layersOf(config, 'down'));
    if (level < config.channels.length - 1)
      x = graph.convolution(`encoder.down_blocks.${level}.downsamplers.0.conv`, x, width, { stride: 2 });
    graph.tap(`down_blocks.${level}`, x);
  }
  const moments = 2 * config.latentChannels;
  x = graph.convolution('encoder.conv_out', graph.normOut(graph.middle(x)), moments);
  graph.tap('conv_out', x);
  return graph.build('moments', config.quantConv ? graph.linear('quant_conv', x, moments) : x);
}

/** Height and width of the latent of a picture of that size: each level but the last halves them, rounding down. */
export function latentSize(config: VaeConfig, { height, width }: PixelSize): PixelSize {
  const scale = scaleOf(config);
  return { height: Math.floor(height / scale), width: Math.floor(width / scale) };
}

interface ConvolutionShape {
  readonly stride?: 1 | 2;
  readonly upsample?: 1 | 2;
  /** Added to the result, which takes its place. */
  readonly residual?: View;
  /** Whether the rows before the result are to be left free for `#narrowing`. */
  readonly room?: boolean;
}

/** Parts of a picture that are convolved one after another where the result takes the place of what it is made of. */
const BANDS = 16;

/** Appends the parts that encoder and decoder have in common. */
class VaeGraph {
  readonly #builder: PlanBuilder;
  readonly #config: VaeConfig;
  readonly #side: 'encoder' | 'decoder';
  readonly #type: FloatType;
  readonly #tap: FeatureTap | undefined;

  constructor(config: VaeConfig, side: 'encoder' | 'decoder', { activations, tap }: VaePlanOptions) {
    this.#builder = new PlanBuilder(side);
    this.#config = config;
    this.#side = side;
    this.#type = activations ?? 'f32';
    this.#tap = tap;
  }

  tap(name: string, features: Features): void {
    this.#tap?.(this.#builder, name, features);
  }

  /** An input of `channels` planes as rows of pixels. */
  pixels(name: string, channels: number, { height, width }: PixelSize): Features {
    this.#builder.layer(name);
    const x = this.#builder.input(name, 1, channels * height * width);
    const view = this.#builder.temporary(height * width, channels);
    this.#builder.append({ op: 'patchify', x, channels, height, width, patch: 1, out: view });
    return { view, height, width };
  }

  /** The plan whose output `name` is these pixels as planes. */
  build(name: string, { view, height, width }: Features): Plan {
    const out = this.#builder.output(name, 1, view.columns * height * width);
    this.#builder.append({ op: 'unpatchify', x: view, channels: view.columns, height, width, patch: 1, out });
    return this.#builder.build();
  }

  /** 3 x 3, `channels` wide. With stride 2 the picture has a zero row below and a zero column to its right, else all around. */
  convolution(name: string, x: Features, channels: number, shape: ConvolutionShape = {}): Features {
    const { stride = 1, upsample = 1, residual, room = false } = shape;
    const before = stride === 2 ? 0 : 1;
    const size = (side: number) => Math.floor((side * upsample + before + 1 - 3) / stride) + 1;
    const [height, width] = [size(x.height), size(x.width)];
    const [pixels, free] = [height * width, room ? width * (1 + bandOf(height)) : 0];
    const view = residual ?? sliceRows(this.#temporary(free + pixels, channels), free, pixels);
    const padding = { padTop: before, padBottom: 1, padLeft: before, padRight: 1 };
    this.#appendConvolution(name, x, { stride, upsample, ...padding }, view, residual);
    return { view, height, width };
  }

  /**
   * As `convolution`, to fewer channels, in the memory of x, before which there must be room: band by band, each is written
   * where the band before it was read, and beside it the last row above the next one stays.
   */
  #narrowing(name: string, x: Features, channels: number): Features {
    const { height, width } = x;
    const band = bandOf(height);
    const first = x.view.row - width * (1 + band);
    const view = { ...sliceColumns(x.view, 0, channels), row: first };
    for (let top = 0; top < height; top += band) {
      const end = Math.min(height, top + band);
      const [padTop, padBottom] = [top === 0 ? 1 : 0, end === height ? 1 : 0];
      const [from, rows] = [top - 1 + padTop, end - top + 2 - padTop - padBottom];
      const input = { height: rows, width, view: sliceRows(x.view, from * width, rows * width) };
      const geometry = { stride: 1, upsample: 1, padTop, padBottom, padLeft: 1, padRight: 1 } as const;
      this.#appendConvolution(name, input, geometry, sliceRows(view, top * width, (end - top) * width));
    }
    return { ...x, view };
  }

  #appendConvolution(
    name: string,
    { view: x, height, width }: Features,
    geometry: Omit<ConvolutionGeometry, 'kernel' | 'height' | 'width'>,
    out: View,
    residual?: View,
  ): void {
    this.#builder.layer(name);
    this.#builder.append({
      op: 'convolution',
      x,
      weight: this.#builder.weight(`${name}.weight`, out.columns, x.columns * 9),
      bias: this.#builder.weight(`${name}.bias`, 1, out.columns),
      height,
      width,
      kernel: 3,
      ...geometry,
      ...(residual ? { epilogue: 'residual', residual } : { epilogue: 'none' }),
      out,
    });
  }

  /** A convolution of 1 x 1. */
  linear(name: string, x: Features, channels: number): Features {
    const view = this.#temporary(x.view.rows, channels);
    this.#appendLinear(name, x.view, view);
    return { ...x, view };
  }

  /** Residual blocks of a level, the first of which changes the width. */
  resnets(level: string, x: Features, width: number, count: number): Features {
    let features = x;
    for (let place = 0; place < count; place++) {
      features = this.#resnet(`${level}.resnets.${place}`, features, width);
      this.tap(`${level}.resnets.${place}`, features);
    }
    return features;
  }

  middle(x: Features): Features {
    if (this.#side === 'decoder') this.tap('conv_in', x);
    const width = x.view.columns;
    let features = this.#resnet('mid_block.resnets.0', x, width);
    this.tap('mid_block.resnets.0', features);
    if (this.#config.midAttention) {
      features = this.#attention('mid_block.attentions.0', features);
      this.tap('mid_block.attentions.0', features);
    }
    features = this.#resnet('mid_block.resnets.1', features, width);
    this.tap('mid_block', features);
    return features;
  }

  normOut(x: Features): Features {
    const features = this.#norm(`${this.#side}.conv_norm_out`, x, 'none');
    this.tap('conv_norm_out', features);
    this.#builder.append({ op: 'silu', x: features.view, out: features.view });
    return features;
  }

  /** x' + conv2(silu(norm2(conv1(silu(norm1(x)))))), where x' is x, or x through a 1 x 1 convolution where widths differ. */
  #resnet(part: string, x: Features, width: number): Features {
    const name = `${this.#side}.${part}`;
    const isSame = x.view.columns === width;
    // Once the shortcut has been taken nothing else reads x, and its norm may take its place.
    const shortcut = isSame ? x : this.linear(`${name}.conv_shortcut`, x, width);
    const normalised = this.#norm(`${name}.norm1`, x, 'silu', isSame ? undefined : x.view);
    const hasRoom = normalised.view.row > 0;
    const hidden = hasRoom
      ? this.#narrowing(`${name}.conv1`, normalised, width)
      : this.convolution(`${name}.conv1`, normalised, width);
    const activated = this.#norm(`${name}.norm2`, hidden, 'silu', hidden.view);
    return this.convolution(`${name}.conv2`, activated, width, { residual: shortcut.view });
  }

  /** x + out(softmax(q k^T / sqrt(C)) v) over all pixels, one head of all channels. */
  #attention(part: string, x: Features): Features {
    const name = `${this.#side}.${part}`;
    const { rows, columns } = x.view;
    const normalised = this.#norm(`${name}.group_norm`, x, 'none').view;
    const [q, k, v] = ['to_q', 'to_k', 'to_v'].map((linear) => {
      const view = this.#temporary(rows, columns);
      this.#appendLinear(`${name}.${linear}`, normalised, view);
      return view;
    }) as [View, View, View];
    const out = normalised;
    this.#builder.layer(name);
    this.#builder.append({
      op: 'attention',
      q,
      k,
      v,
      heads: 1,
      queryLength: rows,
      keyLength: rows,
      scale: 1 / Math.sqrt(columns),
      out,
    });
    this.#appendLinear(`${name}.to_out.0`, out, q);
    this.#builder.append({ op: 'add', x: x.view, y: q, out: x.view });
    return x;
  }

  #norm(name: string, x: Features, epilogue: 'none' | 'silu', out?: View): Features {
    const { rows, columns } = x.view;
    const view = out ?? this.#temporary(rows, columns);
    this.#builder.layer(name);
    this.#builder.append({
      op: 'norm',
      kind: 'layer',
      x: x.view,
      span: rows,
      groups: this.#config.groups,
      epsilon: GROUP_NORM_EPSILON,
      gain: this.#builder.weight(`${name}.weight`, 1, columns),
      bias: this.#builder.weight(`${name}.bias`, 1, columns),
      epilogue,
      out: view,
    });
    return { ...x, view };
  }

  #appendLinear(name: string, x: View, out: View): void {
    this.#builder.layer(name);
    const weight = this.#builder.weight(`${name}.weight`, out.columns, x.columns);
    const bias = this.#builder.weight(`${name}.bias`, 1, out.columns);
    this.#builder.append({ op: 'linear', x, weight, bias, epilogue: 'none', out });
  }

  #temporary(rows: number, columns: number): View {
    return this.#builder.temporary(rows, columns, this.#type);
  }
}

/** Rows of a band of a picture of that height. */
function bandOf(height: number): number {
  return Math.ceil(height / BANDS);
}
