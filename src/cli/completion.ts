/** Scripts by which shells complete commands, options and their values, made of what the commands say of themselves. */
import type { Command, Option } from 'commander';
import { WEIGHT_PRECISIONS } from '../backend/backend.js';
import { CACHE_POLICIES } from '../cache/cachePolicy.js';
import { SERIES_BASES } from '../cache/series.js';
import { FACTOR_METHODS } from '../calibrate/factors.js';
import { ALL_SPACINGS, SAMPLER_NAMES } from '../diffusion/sampler.js';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** Options whose values are words from a list; values of all others may be files. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  '--policy': CACHE_POLICIES,
  '--sampler': SAMPLER_NAMES,
  '--spacing': ALL_SPACINGS,
  '--method': FACTOR_METHODS,
  '--weights': WEIGHT_PRECISIONS,
  '--backend': ['cuda', 'native', 'wasm', 'gpu', 'reference'],
  '--cache-form': ['input', 'rank'],
  '--basis': SERIES_BASES,
  '--keep': ['residual', 'outputs'],
};

export function completionScript(shell: Shell, program: Command): string {
  return { bash, zsh, fish }[shell](program.commands);
}

function bash(commands: readonly Command[]): string {
  const values = Object.entries(VALUES).map(
    ([option, words]) => `    ${option}) words="${words.join(' ')}" ;;`,
  );
  const options = commands.map(
    (command) => `      ${command.name()}) words="${flagsOf(command).join(' ')}" ;;`,
  );
  return `# Completion of incache for bash: source <(incache completion bash)
_incache() {
  local current=\${COMP_WORDS[COMP_CWORD]} words=
  case \${COMP_WORDS[COMP_CWORD-1]} in
${values.join('\n')}
  esac
  if [ -z "$words" ] && [ "$COMP_CWORD" -eq 1 ]; then
    words="${commands.map((command) => command.name()).join(' ')} help --help --version"
  elif [ -z "$words" ] && [[ $current == -* ]]; then
    case \${COMP_WORDS[1]} in
${options.join('\n')}
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o bashdefault -o default -F _incache incache
`;
}

function zsh(commands: readonly Command[]): string {
  const described = commands.map((command) => quoted(`${command.name()}:${briefly(command.description())}`));
  const options = commands.map((command) => {
    const specs = command.options.map((option) => `        ${quoted(zshOption(option))}`);
    return `      ${command.name()}) _arguments \\\n${[...specs, "        '*:file:_files'"].join(' \\\n')} ;;`;
  });
  return `#compdef incache
# Completion of incache for zsh: incache completion zsh > a folder of $fpath/_incache
_incache() {
  if (( CURRENT == 2 )); then
    local -a commands=(
      ${described.join('\n      ')}
    )
    _describe command commands
  else
    case $words[2] in
${options.join('\n')}
    esac
  fi
}
# Loaded from a folder of $fpath, this file itself is the function, called for the first time.
if [[ $funcstack[1] == _incache ]]; then _incache "$@"; else compdef _incache incache; fi
`;
}

function zshOption(option: Option): string {
  const told = `${option.long}[${briefly(option.description).replace(/[[\]]/g, '')}]`;
  if (!takesValue(option)) return told;
  const words = VALUES[option.long!];
  return `${told}:value:${words ? `(${words.join(' ')})` : '_files'}`;
}

function fish(commands: readonly Command[]): string {
  const lines = commands.flatMap((command) => [
    `complete -c incache -n __fish_use_subcommand -f -a ${command.name()} -d ${quoted(briefly(command.description()))}`,
    ...command.options.map((option) => fishOption(command.name(), option)),
  ]);
  return `# Completion of incache for fish: incache completion fish > ~/.config/fish/completions/incache.fish\n${lines.join('\n')}\n`;
}

function fishOption(command: string, option: Option): string {
  const words = VALUES[option.long!];
  const value = words ? ` -x -a ${quoted(words.join(' '))}` : takesValue(option) ? ' -r' : '';
  const short = option.short ? ` -s ${option.short.slice(1)}` : '';
  return `complete -c incache -n '__fish_seen_subcommand_from ${command}' -l ${option.long!.slice(2)}${short}${value} -d ${quoted(briefly(option.description))}`;
}

function flagsOf(command: Command): string[] {
  return [...command.options.map(({ long }) => long!), '--help'];
}

function takesValue(option: Option): boolean {
  return option.required || option.optional;
}

/** What stands before the first full stop, colon, semicolon or bracket. */
function briefly(text: string): string {
  return text.split(/[.:;(](?:\s|$)|\s\(/, 1)[0]!.replace(/:/g, '');
}

/** In single quotes, as all three shells take it; an apostrophe is a typographic one. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", '’')}'`;
}
