/** The scripts of a bundle that are loaded with some of its entries, before anything is fetched when it is needed. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export function scriptsOf(folder: string, entries: readonly string[]): string[] {
  const found = new Set<string>();
  const visit = (name: string) => {
    if (found.has(name)) return;
    found.add(name);
    const text = readFileSync(join(folder, name), 'utf8');
    for (const [, imported] of text.matchAll(/\b(?:from|import)\s*"\.\/([^"]+)"/g)) visit(imported!);
  };
  for (const name of entries) visit(name);
  return [...found];
}

/** What a page with `openPipeline` loads: itself, the worker with the engine, and a thread of kernels. */
export const PAGE_SCRIPTS = ['page.js', 'engine.js', 'thread.js'];
