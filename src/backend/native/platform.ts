/** The machine that an addon must be made for. */

export interface Platform {
  /** `process.platform`. */
  readonly system: string;
  /** `process.arch`. */
  readonly processor: string;
  /** Whether the C library is musl, as on Alpine Linux; addons for glibc do not load there. */
  readonly musl: boolean;
  /** Version of glibc, where that is the C library. */
  readonly glibc: string | undefined;
}

interface ReportHeader {
  readonly glibcVersionRuntime?: string;
}

let here: Platform | undefined;

export function platformHere(): Platform {
  here ??= findPlatform();
  return here;
}

/** As in `linux-x64 (glibc 2.36)`. */
export function platformText({ system, processor, musl, glibc }: Platform): string {
  const library = musl ? ' (musl)' : glibc === undefined ? '' : ` (glibc ${glibc})`;
  return `${system}-${processor}${library}`;
}

function findPlatform(): Platform {
  const { platform, arch } = process;
  const glibc = platform === 'linux' ? glibcVersion() : undefined;
  return { system: platform, processor: arch, musl: platform === 'linux' && glibc === undefined, glibc };
}

/** Asks the diagnostic report of Node.js, without its look at the network, which may take seconds. */
function glibcVersion(): string | undefined {
  const report = process.report as { excludeNetwork?: boolean } & typeof process.report;
  const before = report.excludeNetwork;
  report.excludeNetwork = true;
  try {
    const { header } = report.getReport() as { header: ReportHeader };
    return header.glibcVersionRuntime;
  } finally {
    if (before !== undefined) report.excludeNetwork = before;
  }
}
