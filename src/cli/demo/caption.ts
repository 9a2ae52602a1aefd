/** Lines of text as pixels, for what a picture says about itself. */
import { printable } from '../../printable.js';
import { GLYPH_HEIGHT, GLYPH_WIDTH, glyphOf } from './fixedFont.js';

/** Pixels from the top of a line to the top of the next one. */
export const LINE_HEIGHT = GLYPH_HEIGHT + 2;

/** Most characters of a line so many pixels wide. */
export function charactersIn(pixels: number): number {
  return Math.max(1, Math.floor(pixels / GLYPH_WIDTH));
}

/** Text in at most `most` lines of so many characters, broken at spaces, longer words anywhere; `…` is for what is left out. */
export function wrapped(text: string, characters: number, most: number): string[] {
  // Of an endless text no more is looked at than can be shown.
  const start = text.slice(0, 4 * characters * most);
  const lines: string[][] = [[]];
  for (const word of start.normalize('NFC').split(/\s+/u).filter(Boolean)) {
    let rest = Array.from(printable(word, word.length));
    const line = lines.at(-1)!;
    if (line.length > 0 && line.length + 1 + rest.length <= characters) {
      line.push(' ', ...rest);
      continue;
    }
    if (line.length > 0) lines.push([]);
    for (; rest.length > characters; rest = rest.slice(characters)) {
      lines.at(-1)!.push(...rest.slice(0, characters));
      lines.push([]);
    }
    lines.at(-1)!.push(...rest);
  }
  const kept = lines.slice(0, most);
  if (lines.length > most || start.length < text.length)
    kept[kept.length - 1] = [...kept.at(-1)!.slice(0, characters - 1), '…'];
  return kept.map((line) => line.join(''));
}

/** Sets the pixels of one line of text; what does not fit to the right is left out. */
export function drawLine(text: string, left: number, top: number, set: (x: number, y: number) => void): void {
  for (const [place, character] of Array.from(text).entries())
    for (const [y, bits] of glyphOf(character.codePointAt(0)!).entries())
      for (let x = 0; x < GLYPH_WIDTH; x++)
        if (bits & (0x80 >> x)) set(left + place * GLYPH_WIDTH + x, top + y);
}
