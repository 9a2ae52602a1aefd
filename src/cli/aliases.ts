/** Options as users of other libraries know them. */
const ALIASES: Readonly<Record<string, string>> = {
  '--guidance': '--guidance-scale',
  '--cfg': '--guidance-scale',
  '--cfg-scale': '--guidance-scale',
  '--num-inference-steps': '--steps',
  '--inference-steps': '--steps',
  '--num-steps': '--steps',
  '--num-images': '--count',
  '--output': '--out',
};

/** Options of other libraries that nothing here does, and what to use instead. */
const HINTS: Readonly<Record<string, string>> = {
  '--device': 'choose where to compute with --backend',
  '--dtype': 'choose the type of the weights with --weights',
  '--width': 'give both sides with --size, height first, as in 512x768',
  '--height': 'give both sides with --size, height first, as in 512x768',
  '--scheduler': 'choose a sampler with --sampler',
};

/** The complaint about an unknown option, with what to use instead where that is known. */
export function withHint(complaint: string): string {
  const [, option = ''] = /^unknown option '([^'=]+)/.exec(complaint) ?? [];
  return Object.hasOwn(HINTS, option) ? `unknown option '${option}': ${HINTS[option]}` : complaint;
}

/** The arguments with our names of options, `--cfg-scale=4` and `--guidance_scale` among them. */
export function withOurNames(args: readonly string[]): string[] {
  return args.map((arg) => {
    const [given, ...value] = arg.split('=');
    const name = /^--[a-z]+(_[a-z]+)+$/.test(given!) ? given!.replaceAll('_', '-') : given!;
    const ours = Object.hasOwn(ALIASES, name) ? ALIASES[name]! : name;
    return [ours, ...value].join('=');
  });
}
