/** Options as users of other libraries know them. */
const ALIASES: Readonly<Record<string, string>> = {
  '--guidance': '--guidance-scale',
  '--cfg': '--guidance-scale',
  '--cfg-scale': '--guidance-scale',
  '--num-inference-steps': '--steps',
  '--inference-steps': '--steps',
  '--num-steps': '--steps',
  '--output': '--out',
};

/** Options of other libraries that nothing here does, and what to use instead. */
const HINTS: Readonly<Record<string, string>> = {
  '--device': 'choose where to compute with --backend',
  '--dtype': 'choose the type of the weights with --weights',
};

/** The complaint about an unknown option, with what to use instead where that is known. */
export function withHint(complaint: string): string {
  const [, option = ''] = /^unknown option '([^'=]+)/.exec(complaint) ?? [];
  return Object.hasOwn(HINTS, option) ? `unknown option '${option}': ${HINTS[option]}` : complaint;
}

/** The arguments with our names of options, `--cfg-scale=4` among them. */
export function withOurNames(args: readonly string[]): string[] {
  return args.map((arg) => {
    const [name, ...value] = arg.split('=');
    const ours = Object.hasOwn(ALIASES, name!) ? ALIASES[name!]! : name!;
    return [ours, ...value].join('=');
  });
}
