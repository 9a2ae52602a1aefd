/** Why the addon could not be loaded and what to do about it: one sentence for each cause. */
import type { Place } from './addonFile.js';
import { type Platform, platformText } from './platform.js';

/** What happened at one place. `error` is what `require` threw. */
export interface Failure {
  readonly place: Place;
  readonly error: unknown;
}

/** The addon is there and speaks another version of the interface than this package. */
export class InterfaceMismatch extends Error {
  constructor(
    readonly found: unknown,
    readonly expected: number,
  ) {
    super(`it has interface version ${found}; expected ${expected}`);
  }
}

/** The reasons of all places, with the remedy for each. `checkout`: the package is the repository itself. */
export function explainFailures(failures: readonly Failure[], platform: Platform, checkout: boolean): string {
  const build = buildCommand(checkout);
  const present = failures.filter(({ place }) => place.present);
  if (present.length > 0) return present.map((failure) => explain(failure, platform, build)).join('; ');
  if (checkout) return `it was not built (${build} compiles it)`;
  const installed = failures.find(({ place }) => !place.own);
  if (!installed || platform.musl)
    return `there is no prebuilt addon for ${platformText(platform)} (${build} compiles one)`;
  return `the optional package ${installed.place.name} is not installed (install without --omit=optional, or compile it with ${build})`;
}

/** Where the package is installed, the scripts of its package.json are not those of the user's project. */
export function buildCommand(checkout: boolean): string {
  return checkout ? 'npm run build:native' : 'npx incache build';
}

function explain({ place, error }: Failure, platform: Platform, build: string): string {
  const again = place.own
    ? `compile it again with ${build}`
    : 'install it again, in the same version as incache';
  if (error instanceof InterfaceMismatch) return `${place.name}: ${error.message} (${again})`;
  const { message, code } = error as NodeJS.ErrnoException;
  const why = (cause: string, remedy: string) => `${place.name}: ${cause} (${remedy})`;
  if (code === 'ERR_DLOPEN_DISABLED')
    return why(
      'Node.js was started so that it loads no addons',
      'start it with --allow-addons, without --no-addons',
    );
  if (code === 'ERR_ACCESS_DENIED')
    return why('Node.js was not permitted to read it', 'name its folder in --allow-fs-read');
  const [, glibc] = /version `GLIBC_([\d.]+)' not found/.exec(message) ?? [];
  if (glibc)
    return why(
      `it needs glibc ${glibc} and this is ${platformText(platform)}`,
      `compile it here with ${build}`,
    );
  const [, runtime] = /version `((?:GLIBCXX|CXXABI|GCC)_[\d.]+)' not found/.exec(message) ?? [];
  if (runtime) return why(`the C++ library here has no ${runtime}`, `compile it here with ${build}`);
  const [, library] = /(\S+\.so[.\d]*): cannot open shared object file/.exec(message) ?? [];
  if (library)
    return why(`it needs the library ${library}, which is not there`, `install it, or compile with ${build}`);
  if (/failed to map segment|Operation not permitted|Permission denied/i.test(message))
    return why(
      'the system does not allow its code to run there',
      'the folder may be mounted noexec: install it elsewhere',
    );
  if (
    /invalid ELF|file too short|wrong ELF|cannot read file data|not a valid Win32|slice is not valid/i.test(
      message,
    )
  )
    return why(`the file is damaged or for another platform than ${platformText(platform)}`, again);
  return why(message.trim().replace(/\s*\n\s*/g, ' '), again);
}
