/** What stands above the figures: how to read them, where we lose and why, what was tried. Written by hand, in `introduction.md`. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const INTRODUCTION_PATH = fileURLToPath(
  new URL('../../../bench/report/introduction.md', import.meta.url),
);

export function introduction(): string {
  return readFileSync(INTRODUCTION_PATH, 'utf8');
}
