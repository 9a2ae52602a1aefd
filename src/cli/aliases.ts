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

/** The arguments with our names of options, `--cfg-scale=4` among them. */
export function withOurNames(args: readonly string[]): string[] {
  return args.map((arg) => {
    const [name, ...value] = arg.split('=');
    const ours = Object.hasOwn(ALIASES, name!) ? ALIASES[name!]! : name!;
    return [ours, ...value].join('=');
  });
}
