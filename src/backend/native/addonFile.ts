/** Where the addon may be, and what loading it from there gives. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { packageFile } from '../../packageFile.js';
import { requireWholeFile } from './elf.js';

/** A place that the addon was looked for in. */
export interface Place {
  /** A path, or the name of a platform package. */
  readonly name: string;
  /** Whether it was compiled on this machine, by `incache build` or `npm run build:native`. */
  readonly own: boolean;
  /** Whether something is there; it may still not load. */
  readonly present: boolean;
  load(): unknown;
}

/** The places in the order in which they are tried: what was compiled here comes before what was installed. */
export function addonPlaces(platform = `${process.platform}-${process.arch}`): Place[] {
  const resolver = createRequire(packageFile('package.json'));
  const built = packageFile('build/native/Release/incache.node');
  const load = () => {
    if (existsSync(built)) requireWholeFile(built);
    return resolver(built);
  };
  const places = [{ name: built, own: true, present: existsSync(built), load }];
  const installed = platformPackage(platform, resolver);
  return installed ? [...places, installed] : places;
}

/**
 * The platform package, by literal names: whatever packs programs finds its file that way. Undefined where there is none. On
 * musl the name is that of glibc, but package managers do not install it there.
 */
function platformPackage(platform: string, resolver: NodeJS.Require): Place | undefined {
  switch (platform) {
    case 'linux-x64':
      return installedPlace(
        '@incache/linux-x64',
        () => resolver.resolve('@incache/linux-x64/incache.node'),
        () => resolver('@incache/linux-x64/incache.node'),
      );
    case 'linux-arm64':
      return installedPlace(
        '@incache/linux-arm64',
        () => resolver.resolve('@incache/linux-arm64/incache.node'),
        () => resolver('@incache/linux-arm64/incache.node'),
      );
    default:
      return undefined;
  }
}

function installedPlace(name: string, resolve: () => string, load: () => unknown): Place {
  const path = pathOf(resolve);
  const loadWhole = () => {
    if (path !== undefined) requireWholeFile(path);
    return load();
  };
  return { name, own: false, present: path !== undefined, load: loadWhole };
}

function pathOf(resolve: () => string): string | undefined {
  try {
    return resolve();
  } catch {
    return undefined;
  }
}
