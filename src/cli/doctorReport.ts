/** What `incache doctor` finds: what is here, what is missing, what to do. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { openDevice, probeBackends } from '../backend/choose.js';
import { addonPlaces } from '../backend/native/addonFile.js';
import { addonPlace } from '../backend/native/binding.js';
import { platformHere, platformText } from '../backend/native/platform.js';
import { blocksPlan } from '../bench/blocksPlan.js';
import { compileOnRandom } from '../bench/compile.js';
import { formatBytes } from '../errors.js';
import { modelFolder, type PackagedModel } from '../modelPackages.js';
import { namedNetwork } from '../models/families.js';
import { COMPUTE } from '../models/layers/actions.js';
import { packageFile } from '../packageFile.js';
import { totalMemory, usableMemory, usableProcessors } from '../platform/node/machineLimits.js';
import { VERSION } from '../version.js';
import { BUILT_SERVER, SERVER_PACKAGE } from './serverPackage.js';

/** What is installed only by those who want what it is for. */
const OPTIONAL = {
  'onnxruntime-node': 'evaluate --features with a network in ONNX',
  vega: 'charts of experiment',
  'vega-lite': 'charts of experiment',
  webgpu: 'backend gpu in Node.js',
};

const MODELS = {
  emoji: 'the model of demo, and of demo --web beside digits',
  digits: 'the model of commands without --model, and of demo --web',
} as const satisfies Record<PackagedModel, string>;

export interface Finding {
  readonly name: string;
  readonly present: boolean;
  readonly detail: string;
}

export interface DoctorReport {
  readonly version: string;
  readonly node: string;
  readonly platform: string;
  readonly processors: { readonly usable: number; readonly reason: string | undefined };
  readonly memory: { readonly usable: number; readonly total: number };
  readonly backends: readonly Finding[];
  /** Where the native addon was loaded from. */
  readonly addon: string | undefined;
  readonly optional: readonly Finding[];
  /** The backend that a block of a DiT ran on, and in how many milliseconds. */
  readonly trial: { readonly backend: string; readonly milliseconds: number } | undefined;
  /** What is installed and does not work, with the remedy. */
  readonly problems: readonly string[];
  /** What would be faster or more complete, and how to get it. */
  readonly suggestions: readonly string[];
}

export async function examine(): Promise<DoctorReport> {
  const found = (await probeBackends()).map(({ name, available, detail }) => ({
    name,
    present: available,
    detail,
  }));
  const { problems, suggestions } = aboutNative(found);
  const trial = await tryOut().catch((error: Error) => {
    problems.push(`a block of a network could not be run: ${error.message}`);
    return undefined;
  });
  const { count, reason } = usableProcessors();
  return {
    version: VERSION,
    node: process.versions.node,
    platform: platformText(platformHere()),
    processors: { usable: count, reason },
    memory: { usable: usableMemory(), total: totalMemory() },
    backends: found,
    addon: addonPlace(),
    optional: optionalPackages(),
    trial,
    problems,
    suggestions,
  };
}

/**
 * Without the addon incache works, several times slower. An addon that is there and does not load is a problem. One that is
 * missing is worth a suggestion, where the platform has one and nobody has turned it off.
 */
function aboutNative(found: readonly Finding[]) {
  const about = { problems: [] as string[], suggestions: [] as string[] };
  const native = found.find(({ name }) => name === 'native');
  if (native?.present || process.env.INCACHE_NATIVE === 'off') return about;
  const text = `no native kernels, so WebAssembly is used: ${native?.detail}`;
  const places = addonPlaces();
  if (places.some(({ present }) => present)) about.problems.push(text);
  else if (places.some(({ own }) => !own)) about.suggestions.push(text);
  return about;
}

async function tryOut() {
  const device = await openDevice();
  try {
    const { activations, backend } = device;
    const block = blocksPlan(namedNetwork('DiT-S/2'), { images: 1, blocks: 1, action: COMPUTE, activations });
    using compiled = await compileOnRandom(device, block);
    const start = performance.now();
    await compiled.run();
    return { backend, milliseconds: performance.now() - start };
  } finally {
    await device.dispose();
  }
}

function optionalPackages(): Finding[] {
  const models = (['emoji', 'digits'] as const).map((model) => ({
    name: `@incache/${model}`,
    present: modelFolder(model) !== undefined,
    detail: MODELS[model],
  }));
  const others = Object.entries(OPTIONAL).map(([name, detail]) => ({
    name,
    present: isInstalled(name),
    detail,
  }));
  const server = {
    name: SERVER_PACKAGE,
    present: existsSync(BUILT_SERVER) || isInstalled(SERVER_PACKAGE),
    detail: 'serve and work',
  };
  return [...models, server, ...others];
}

function isInstalled(name: string): boolean {
  try {
    createRequire(packageFile('package.json')).resolve(name);
    return true;
  } catch {
    return false;
  }
}

export function doctorText(report: DoctorReport): string {
  const { version, node, platform, processors, memory, addon, trial, problems, suggestions } = report;
  const quota = processors.reason ? ` (${processors.reason})` : '';
  const lines = [
    `incache ${version}, Node.js ${node}, ${platform}`,
    `threads: ${processors.usable}${quota}`,
    `memory: ${formatBytes(memory.usable)} usable of ${formatBytes(memory.total)}`,
    '',
    'Backends, the fastest first',
    ...findingLines(report.backends),
    ...(addon ? [`  the addon of native is ${addon}`] : []),
    '',
    'Optional packages',
    ...findingLines(report.optional),
    '',
    ...(trial ? [`Ran a block of DiT-S/2 on ${trial.backend} in ${Math.ceil(trial.milliseconds)} ms.`] : []),
    ...problems.map((problem) => `Problem: ${problem}`),
    ...suggestions.map((suggestion) => `Suggestion: ${suggestion}`),
    ...(problems.length === 0 ? ['Everything that is installed works.'] : []),
  ];
  return `${lines.join('\n')}\n`;
}

function findingLines(findings: readonly Finding[]): string[] {
  const width = Math.max(...findings.map(({ name }) => name.length));
  return findings.map(
    ({ name, present, detail }) => `  ${present ? 'yes' : 'no '}  ${name.padEnd(width)}  ${detail}`,
  );
}
