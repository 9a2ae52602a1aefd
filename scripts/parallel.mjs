/**
 * How many jobs a build may run at once: what a device would have as threads (src/platform/node/machineLimits.ts). In a checkout the first
 * build comes before that file is compiled; its types are then taken off here.
 */
import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';

export async function parallelJobs() {
  const compiled = new URL('../dist/src/platform/node/machineLimits.js', import.meta.url);
  try {
    const { usableProcessors } = await import(existsSync(compiled) ? compiled : await stripped());
    return usableProcessors().count;
  } catch {
    // A checkout without what it is developed with.
    return availableParallelism();
  }
}

/** The source without its types, as a module to import. */
async function stripped() {
  const { default: ts } = await import('typescript');
  const source = fileURLToPath(new URL('../src/platform/node/machineLimits.ts', import.meta.url));
  const options = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 };
  const { outputText } = ts.transpileModule(readFileSync(source, 'utf8'), { compilerOptions: options });
  return `data:text/javascript,${encodeURIComponent(outputText)}`;
}
