/**
 * The names of an autoencoder's tensors. Canonical are those of diffusers since 0.13; older files name the attention's
 * linears otherwise, and CompVis' (LDM, Stable Diffusion, FLUX) name everything otherwise, often behind a prefix.
 */

/** From a canonical name to what some code calls it; undefined where that code has the name itself. */
type Renaming = (name: string, levels: number) => string;

const DEPRECATED: Readonly<Record<string, string>> = {
  to_q: 'query',
  to_k: 'key',
  to_v: 'value',
  'to_out.0': 'proj_attn',
};

const LDM_ATTENTION: Readonly<Record<string, string>> = {
  group_norm: 'norm',
  to_q: 'q',
  to_k: 'k',
  to_v: 'v',
  'to_out.0': 'proj_out',
};

const ATTENTION = /(?<=\.mid_block\.attentions\.0\.)(group_norm|to_q|to_k|to_v|to_out\.0)(?=\.)/;

const canonical: Renaming = (name) => name;

const deprecated: Renaming = (name) => name.replace(ATTENTION, (part) => DEPRECATED[part] ?? part);

const ldm: Renaming = (name, levels) =>
  name
    .replace(ATTENTION, (part) => LDM_ATTENTION[part]!)
    .replace(/\.mid_block\.resnets\.(\d+)/, (_, place) => `.mid.block_${Number(place) + 1}`)
    .replace('.mid_block.attentions.0', '.mid.attn_1')
    // CompVis counts the levels of both sides from the picture's resolution.
    .replace(/\.up_blocks\.(\d+)/, (_, level) => `.up.${levels - 1 - Number(level)}`)
    .replace(/\.down_blocks\.(\d+)/, '.down.$1')
    .replace('.resnets.', '.block.')
    .replace('.upsamplers.0.', '.upsample.')
    .replace('.downsamplers.0.', '.downsample.')
    .replace('conv_shortcut', 'nin_shortcut')
    .replace('conv_norm_out', 'norm_out');

const RENAMINGS = [
  ['diffusers', canonical],
  ['diffusers before 0.13', deprecated],
  ['CompVis', ldm],
] as const satisfies readonly (readonly [string, Renaming])[];
const PREFIXES = ['', 'first_stage_model.', 'vae.'];

/** How a file names its tensors: a function from canonical names to those of the file. */
export type VaeNames = (name: string) => string;

/** The code whose names a file has. */
export type VaeLayout = (typeof RENAMINGS)[number][0];

export interface VaeNaming {
  readonly layout: VaeLayout;
  readonly named: VaeNames;
}

/** The naming of a file that has tensors of these names, or undefined where it has no decoder of an autoencoder. */
export function namesOf(names: Iterable<string>): VaeNaming | undefined {
  const present = new Set(names);
  for (const prefix of PREFIXES)
    for (const [layout, renaming] of RENAMINGS) {
      const levels = levelsOf(present, prefix);
      const named: VaeNames = (name) => prefix + renaming(name, levels);
      // The first is of every naming, the second tells diffusers' from CompVis', the third old from new.
      const telling = [
        'decoder.conv_in.weight',
        'decoder.conv_norm_out.weight',
        'decoder.mid_block.resnets.0.conv1.weight',
      ];
      const query = named('decoder.mid_block.attentions.0.to_q.weight');
      const withoutAttention = ![...present].some(
        (name) => name.startsWith(`${prefix}decoder.mid`) && name.includes('att'),
      );
      if (telling.every((name) => present.has(named(name))) && (present.has(query) || withoutAttention))
        return { layout, named };
    }
  return undefined;
}

/** Levels of the decoder in CompVis' names. */
function levelsOf(present: ReadonlySet<string>, prefix: string): number {
  let levels = 0;
  while (present.has(`${prefix}decoder.up.${levels}.block.0.conv1.weight`)) levels++;
  return levels;
}
