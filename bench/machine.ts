/** What a result was measured on and with, and nothing that says whose it is. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { arch, cpus, totalmem } from 'node:os';
import { nativeBackend } from '../src/backend/native/index.js';
import { detectFeatures } from '../src/backend/wasm/features.js';
import { VERSION } from '../src/version.js';
import { clockSeen } from './clock.js';

export interface Machine {
  /** As in the names of files. */
  readonly name: string;
  readonly chip: string;
  /** Threads of it that this process may use. */
  readonly cores: number;
  readonly memoryGiB: number;
  /** Of a core, in MHz, when the program started and when it wrote its result (`clock.ts`); lowest first. */
  readonly clocks: readonly [number, number];
  /** Of the native kernels, and of WebAssembly. */
  readonly instructionSets: readonly string[];
}

const clockAtStart = clockSeen();

export async function describeMachine(): Promise<Machine> {
  const chip = cpus()[0]?.model.trim() ?? arch();
  const clockNow = clockSeen();
  return {
    name: machineName(chip, cpus().length),
    chip,
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    clocks: [Math.min(clockAtStart, clockNow), Math.max(clockAtStart, clockNow)],
    instructionSets: [...(await nativeInstructionSet()), ...wasmFeatures()],
  };
}

export function machineName(chip: string, cores: number): string {
  const name = chip
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
  return `${name}-${cores}`;
}

async function nativeInstructionSet(): Promise<string[]> {
  if (!nativeBackend.status().available) return [];
  const device = await nativeBackend.open({ threads: 1 });
  const name = 'instructionSet' in device ? [String(device.instructionSet)] : [];
  await device.dispose();
  return name;
}

function wasmFeatures(): string[] {
  const { simd, relaxed, shared } = detectFeatures();
  return [
    ...(simd ? ['wasm simd'] : []),
    ...(relaxed ? ['wasm relaxed simd'] : []),
    ...(shared ? ['wasm threads'] : []),
  ];
}

/** Packages that are held against us, and where they are looked for. */
const PEERS = [
  ['onnxruntime-web', new URL('../../package.json', import.meta.url)],
  ['onnxruntime-node', new URL('../../bench/peers/package.json', import.meta.url)],
  ['@tensorflow/tfjs-backend-wasm', new URL('../../bench/peers/package.json', import.meta.url)],
  ['gpu.js', new URL('../../bench/peers/package.json', import.meta.url)],
] as const;

/** Of what took part or could have: node, V8, incache and the peers that are installed. */
export function versions(): Record<string, string> {
  const { node, v8 } = process.versions;
  const found: Record<string, string> = { node, v8, incache: VERSION };
  for (const [name, from] of PEERS) {
    const version = packageVersion(name, from);
    if (version) found[name] = version;
  }
  return found;
}

/** Read as a file: many packages do not export their package.json. */
function packageVersion(name: string, from: URL): string | undefined {
  for (const folder of createRequire(from).resolve.paths(name) ?? [])
    try {
      return JSON.parse(readFileSync(`${folder}/${name}/package.json`, 'utf8')).version;
    } catch {}
  return undefined;
}

/** The commit that is checked out, with a plus where files differ from it; undefined outside of a repository. */
export function commit(): string | undefined {
  const git = (...args: string[]) =>
    execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  try {
    const changed = git('status', '--porcelain', '--untracked-files=no') !== '';
    return `${git('rev-parse', '--short', 'HEAD')}${changed ? '+' : ''}`;
  } catch {
    return undefined;
  }
}
