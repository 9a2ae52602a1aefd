/**
 * The repairs of text that captions of the web need and that ftfy's `fix_text` makes: punctuation that was read in the wrong encoding,
 * ligatures, full-width letters, curly quotes, control characters, and Unicode's composed form. Other repairs of ftfy (letters in
 * a wrong encoding, which it finds by statistics) are not made.
 */

/** The characters of Windows-1252 from 0x80; where it has none, those of Latin-1, as ftfy's "sloppy" codec. */
const WINDOWS_1252 =
  '€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9dž\x9f' +
  Array.from({ length: 96 }, (_, i) => String.fromCharCode(0xa0 + i)).join('');

/** U+2000 to U+203F in UTF-8 read as Windows-1252: `â€`, then any one of the 64 characters of its last byte. */
const MISREAD_PUNCTUATION = new RegExp(`â€([${WINDOWS_1252.slice(0, 64)}])`, 'gu');

const LIGATURES = /[\u0132\u0133\u0149\u01f1-\u01f3\u01c4-\u01cc\ufb00-\ufb06]/gu;
const FULL_WIDTH = /[\u3000\uff01-\uff60\uffe0-\uffe6]/gu;
/** All controls but tab, line feed, form feed and carriage return; deprecated formatting, and marks that belong to a file. */
const CONTROLS = /(?![\t\n\f\r\x80-\x9f])\p{Cc}|[\u206a-\u206f\ufeff\ufff9-\ufffc]/gu;

export function fixText(text: string): string {
  return text
    .replace(MISREAD_PUNCTUATION, (_, last: string) =>
      String.fromCharCode(0x2000 + WINDOWS_1252.indexOf(last)),
    )
    .replace(LIGATURES, (character) => character.normalize('NFKC'))
    .replace(FULL_WIDTH, (character) => character.normalize('NFKC'))
    .replace(/[\u2018-\u201b]/gu, "'")
    .replace(/[\u201c-\u201f]/gu, '"')
    .replace(/\r\n?|[\u2028\u2029\u0085]/gu, '\n')
    .replace(CONTROLS, '')
    .normalize('NFC');
}
