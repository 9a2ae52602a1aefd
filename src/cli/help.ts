/** How help is laid out: options and commands in groups, examples, and `--help` before all else. */
import type { Command } from 'commander';

/** Groups of options in the order of the help, with the options in them, in any command. Others are the command's own. */
const OPTION_GROUPS: Readonly<Record<string, string>> = {
  'Options:': '',
  'Prompts:':
    'prompt prompts negative-prompt embeddings no-clean-caption text-encoder tokenizer keep-text-encoder no-keep-text-encoder embeddings-cache',
  'Sampling:': 'steps sampler spacing eta variance guidance-scale guidance-channels batch size seed',
  'Cache policy:': 'policy recipe period gather-steps schedule factors cache-form cache-type',
  'Cache policy, for some policies only:':
    'order basis cross-period warmup fits terms computed errors budget table theta threshold polynomial first-blocks last-blocks max-cached keep',
  'Model:': 'model heads weights-key variant vae scaling-factor shift-factor',
  'Device:': 'backend threads weights',
  'What is measured:':
    'compare pictures features feature-outputs feature-range against precision-recall splits npz statistics',
  'Output:': 'out single columns preview report resume json debug help version',
};

/** In these the group would hold what the command is about. */
const OWN_OPTIONS: Readonly<Record<string, string>> = {
  calibrate: 'period order fits terms computed',
  'choose-rank': 'period order factors',
  demo: 'prompt steps period seed',
  serve: 'batch',
  work: 'batch',
  info: 'model size steps policy period cache-form cache-type',
  measure: 'order factors',
  tune: 'budget',
};

const COMMAND_GROUPS: Readonly<Record<string, string>> = {
  'Draw:': 'sample serve work decode demo',
  'Make it faster:': 'tune calibrate choose-rank fit measure',
  'Measure:': 'evaluate experiment bench',
  'Models and files:': 'info convert export embed',
  'This installation:': 'doctor build completion help',
};

const EXAMPLES: Readonly<Record<string, readonly string[]>> = {
  incache: [
    'incache sample --labels 0-9 -o digits.png',
    'incache sample --model DiT-XL-2-256 --labels "golden retriever" -o dog.png',
    'incache tune --model DiT-XL-2-256 --budget time:0.5',
  ],
  sample: [
    'incache sample --labels 0-9 -o digits.png',
    'incache sample --model DiT-XL-2-256 --labels 207,macaw --policy taylorseer --period 2 -o birds.png',
    'incache sample --model PixArt-XL-2-512x512 --prompt "a red fox" --preview 5 -o fox.png',
    'incache sample --labels 3 -o - | display -',
  ],
  serve: [
    'incache serve --model DiT-XL-2-256 --policy taylorseer',
    'INCACHE_TOKEN=... incache serve --model PixArt-XL-2-512x512 --host 0.0.0.0 --max-queue 64',
  ],
  work: [
    'incache serve --model DiT-XL-2-256 --queue redis://10.0.0.1:6379',
    'incache work --model DiT-XL-2-256 --queue redis://10.0.0.1:6379',
  ],
  decode: ['incache decode samples.latents.npz --vae DiT-XL-2-256 -o dog.png'],
  demo: ['incache demo --prompt "a blue apple"', 'incache demo --web'],
  tune: [
    'incache tune --model DiT-XL-2-256 --budget time:0.5',
    'incache sample --model DiT-XL-2-256 --recipe recipe.safetensors --labels 207',
  ],
  calibrate: [
    'incache calibrate --model DiT-XL-2-256 --rank 128 -o factors.safetensors',
    'incache sample --model DiT-XL-2-256 --policy calibrated --factors factors.safetensors --labels 207',
  ],
  'choose-rank': ['incache choose-rank --factors factors.safetensors --ranks 8,16,24,32 --psnr 45'],
  fit: ['incache fit -o fits.safetensors', 'incache sample --policy fitted --fits fits.safetensors'],
  measure: [
    'incache measure -o errors.safetensors',
    'incache sample --policy searched --errors errors.safetensors --budget 0.6',
  ],
  evaluate: [
    'incache evaluate --policy taylorseer --period 2 --images 100 --compare',
    'incache evaluate --images 50000 --resume run --shard 3/7',
    'incache evaluate merge --images 50000 --resume run',
  ],
  experiment: ['incache experiment policies --images 100 --seeds 3 --out results'],
  bench: ['incache bench --size DiT-S/2'],
  info: ['incache info', 'incache info DiT-XL-2-256', 'incache info --size DiT-XL/2 --rank 128 --costs'],
  convert: ['incache convert DiT-XL-2-256x256.pt --type bf16 -o dit.safetensors'],
  export: ['incache export --policy reuse -o digits.incache', 'incache sample --model digits.incache'],
  embed: [
    'incache embed --model PixArt-XL-2-512x512 --prompt "a red fox" -o fox.safetensors',
    'incache sample --model PixArt-XL-2-512x512 --embeddings fox.safetensors',
  ],
  completion: [
    'source <(incache completion bash)',
    'incache completion fish > ~/.config/fish/completions/incache.fish',
  ],
};

/** Before commands are added: they inherit the order of the groups. */
export function layOutHelp(program: Command): Command {
  const order = [...Object.keys(OPTION_GROUPS), ...Object.keys(COMMAND_GROUPS)];
  return program.configureHelp({
    groupItems: (_, items, groupIn) => {
      // The command `help` is commander's own, in a group of its own.
      const groupOf = (item: (typeof items)[number]) =>
        groupIn(item) === 'Commands:' ? 'This installation:' : groupIn(item);
      const groups = [...new Set(items.map(groupOf))].sort((a, b) => order.indexOf(a) - order.indexOf(b));
      return new Map(groups.map((group) => [group, items.filter((item) => groupOf(item) === group)]));
    },
  });
}

/** After commands were added: tells each option and command its group, and adds the examples. */
export function groupHelp(program: Command): void {
  const groupOfOption = groupsByName(OPTION_GROUPS);
  const groupOfCommand = groupsByName(COMMAND_GROUPS);
  addExamples(program);
  for (const command of program.commands) {
    command.helpGroup(groupOfCommand.get(command.name()) ?? 'Commands:');
    const own = (OWN_OPTIONS[command.name()] ?? '').split(' ');
    for (const option of command.options) {
      const name = option.long!.slice(2);
      option.helpGroup((!own.includes(name) && groupOfOption.get(name)) || 'Options:');
    }
    addExamples(command);
  }
}

function addExamples(command: Command): void {
  const examples = EXAMPLES[command.name()];
  if (examples)
    command.addHelpText('after', `\nExamples:\n${examples.map((line) => `  ${line}\n`).join('')}`);
}

function groupsByName(groups: Readonly<Record<string, string>>): Map<string, string> {
  return new Map(
    Object.entries(groups).flatMap(([group, names]) =>
      names.split(' ').map((name) => [name, group] as const),
    ),
  );
}

/** Arguments of which `--help` is one: the command and that, so that it is answered whatever else is wrong. */
export function helpFirst(args: readonly string[], program: Command): readonly string[] {
  const end = args.includes('--') ? args.indexOf('--') : args.length;
  if (!args.slice(0, end).some((arg) => arg === '--help' || arg === '-h')) return args;
  const command = program.commands.find((command) => command.name() === args[2]);
  return [...args.slice(0, 2), ...(command ? [command.name()] : []), '--help'];
}
