/** The entries of package.json that are modules: where their types and sources lie. */
import { readFileSync } from 'node:fs';

interface Target {
  readonly types: string;
  readonly default: string;
}

export interface PackageEntry {
  /** As it is imported, `incache/plan`. */
  readonly name: string;
  /** Of browsers alone: taken in place of the entry of the same name. */
  readonly browser: boolean;
  readonly types: URL;
  /** The module, compiled but not bundled. */
  readonly module: URL;
  /** The same within `src`, in TypeScript. */
  readonly source: string;
}

const root = new URL('../../../', import.meta.url);
const { exports } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as {
  exports: Record<string, string | (Target & { browser: undefined }) | { browser: Target; default: Target }>;
};

export const ENTRIES: readonly PackageEntry[] = Object.entries(exports).flatMap(([path, entry]) => {
  if (typeof entry === 'string') return [];
  const targets = entry.browser === undefined ? [entry as Target] : [entry.browser, entry.default];
  return targets.map(({ types, default: file }) => {
    const module = types.replace(/\.d\.ts$/, '.js');
    return {
      name: `incache${path.slice(1)}`,
      browser: file.includes('/browser/'),
      types: new URL(types, root),
      module: new URL(module, root),
      source: module.replace(/^\.\/dist\/src\/(.*)\.js$/, '$1.ts'),
    };
  });
});
