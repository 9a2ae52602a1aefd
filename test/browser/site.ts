/** A page with the engine and what tests add to it, served with or without the headers for threads. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startWebServer, type WebServer } from '../../src/cli/webServer.js';

interface BuildOptions {
  readonly entries?: Readonly<Record<string, string>>;
  readonly alias?: Readonly<Record<string, string>>;
}

const root = new URL('../../../', import.meta.url);

/** Why pages cannot be built, for the option `skip` of a test, or false. */
export const noEsbuild: string | false = await import('esbuild' as string).then(
  () => false as const,
  () => 'esbuild is not installed (npm ci)',
);

export class Site implements AsyncDisposable {
  private constructor(
    readonly folder: string,
    readonly isolated: WebServer,
    readonly plain: WebServer,
  ) {}

  /** Builds the engine, with the sources of `test/browser` that are named; `index.html` has the entry `incache`, `page.html` `incache/page`. */
  static async build(entries: readonly string[] = []): Promise<Site> {
    const folder = mkdtempSync(join(tmpdir(), 'incache-site-'));
    const source = (name: string) => new URL(`test/browser/${name}.ts`, root).pathname;
    const { buildBrowser } = (await import(new URL('scripts/build-browser.mjs', root).href)) as {
      buildBrowser(out: string, options: BuildOptions): Promise<void>;
    };
    await buildBrowser(folder, {
      entries: Object.fromEntries(entries.map((name) => [name, source(name)])),
      alias: { 'node:assert/strict': source('assertShim') },
    });
    const page = '<!doctype html><link rel="icon" href="data:,"><title>test</title>';
    const script = (entry: string) =>
      `<script type=module>import * as i from './${entry}.js'; window.incache = i;</script>`;
    for (const [name, entry] of [
      ['index', 'incache'],
      ['page', 'page'],
    ])
      writeFileSync(
        join(folder, `${name}.html`),
        `${page}<input type=file id=file multiple>${script(entry!)}`,
      );
    const folders = { '/incache/': folder, '/test/': folder };
    const [isolated, plain] = await Promise.all([
      startWebServer({ port: 0, isolated: true, folders }),
      startWebServer({ port: 0, isolated: false, folders }),
    ]);
    return new Site(folder, isolated, plain);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.isolated.close();
    await this.plain.close();
    rmSync(this.folder, { recursive: true });
  }
}
