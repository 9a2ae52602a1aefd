/** What PixArt does to a prompt before it is split into tokens: `clean_caption` of its code and of diffusers (after DeepFloyd IF). */
import { decodeHTML } from 'entities';
import { fixText } from './fixText.js';

/**
 * The prompt as PixArt was trained to see it: lower case, without addresses, tags, file names, numbers of articles, advertising,
 * Chinese characters and most punctuation. Cleaning is done twice, as in the original. Only the first 4,096 characters count, many
 * times what the models read: some of the patterns take a time that grows with the square of the length.
 */
export function cleanCaption(caption: string): string {
  return cleanOnce(cleanOnce(caption.slice(0, MOST_CHARACTERS)));
}

/** What is done to a prompt where it is not cleaned. */
export function plainCaption(caption: string): string {
  return strip(caption.toLowerCase());
}

const MOST_CHARACTERS = 4096;

function cleanOnce(caption: string): string {
  let text = strip(unquotePlus(caption)).toLowerCase().replaceAll('<person>', 'person');
  text = apply(ADDRESSES, text);
  text = textOfHtml(text);
  text = apply(CLUTTER, text);
  if ((text.match(/[-_]/gu) ?? []).length > MOST_HYPHENS) text = text.replace(/[-_]/gu, ' ');
  text = decodeHTML(decodeHTML(fixText(text)));
  return strip(apply(ENDS, apply(ADVERTISING, text)));
}

/** More hyphens and underscores than this stand for spaces: `this-is-my-cute-cat`. */
const MOST_HYPHENS = 3;

/** A pattern, compiled at its first use, and what replaces each match of it. */
interface Rule {
  pattern(): RegExp;
  readonly by: string;
}

function apply(rules: readonly Rule[], text: string): string {
  return rules.reduce((result, { pattern, by }) => result.replace(pattern(), by), text);
}

/** Python's classes, which know all of Unicode: \w, \d, \s, \b and $. */
const CLASSES: Readonly<Record<string, string>> = {
  w: '[\\p{L}\\p{N}_]',
  d: '\\p{Nd}',
  D: '\\P{Nd}',
  s: '[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]',
  S: '[^\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]',
  b: '(?:(?<=[\\p{L}\\p{N}_])(?![\\p{L}\\p{N}_])|(?<![\\p{L}\\p{N}_])(?=[\\p{L}\\p{N}_]))',
};

/** A pattern of Python's: `\w` and so on outside of brackets; inside of them write the class itself. */
function python(pattern: string): RegExp {
  return new RegExp(
    pattern.replace(/\\([wdDsSb])/gu, (_, name: string) => CLASSES[name]!),
    'gu',
  );
}

function rule(pattern: string, by = ''): Rule {
  let compiled: RegExp | undefined;
  return { by, pattern: () => (compiled ??= python(pattern)) };
}

const MARGINS: readonly Rule[] = [rule('^\\s+|\\s+$')];

function strip(text: string): string {
  return apply(MARGINS, text);
}

const DOMAIN = '[a-zA-Z0-9.\\-]+[.](?:com|co|ru|net|org|edu|gov|it)[\\p{L}\\p{N}_\\/\\-]*\\b\\/?(?!@)';

const ADDRESSES: readonly Rule[] = [
  rule(`\\b(?:https?:(?:\\/{1,3}|[a-zA-Z0-9%])|${DOMAIN})`),
  rule(`\\b(?:www:(?:\\/{1,3}|[a-zA-Z0-9%])|${DOMAIN})`),
];

const CLUTTER: readonly Rule[] = [
  rule('@\\w+\\b'),
  // CJK strokes, phonetic extensions, enclosed letters, compatibility, ideographs (also extension A), hexagrams.
  rule('[\\u31c0-\\u31ff\\u3200-\\u9fff]+'),
  // All kinds of dashes, then of quotes.
  rule(
    '[\\x2d\\u058a\\u05be\\u1400\\u1806\\u2010-\\u2015\\u2e17\\u2e1a\\u2e3a\\u2e3b\\u2e40\\u301c\\u3030\\u30a0\\ufe31\\ufe32\\ufe58\\ufe63\\uff0d]+',
    '-',
  ),
  rule('[`´«»“”¨]', '"'),
  rule('[‘’]', "'"),
  rule('&quot;?'),
  rule('&amp'),
  // Addresses of computers, numbers of articles and lines.
  rule('\\d{1,3}\\.\\d{1,3}\\.\\d{1,3}\\.\\d{1,3}', ' '),
  rule('\\d:\\d\\d\\s+$'),
  rule('\\\\n', ' '),
  rule('#\\d{1,3}\\b'),
  rule('#\\d{5,}\\b'),
  rule('\\b\\d{6,}\\b'),
  rule('\\S+\\.(?:png|jpg|jpeg|bmp|webp|eps|pdf|apk|mp4)'),
  rule('["\']{2,}', '"'),
  rule('[.]{2,}', ' '),
  rule('[#®•©™&@·º½¾¿¡§~)(\\]\\[}{|\\\\\\/*]+', ' '),
  rule('\\s+\\.\\s+', ' '),
];

const ADVERTISING: readonly Rule[] = [
  rule('\\b[a-zA-Z]{1,3}\\d{3,15}\\b'),
  rule('\\b[a-zA-Z]+\\d+[a-zA-Z]+\\b'),
  rule('\\b\\d+[a-zA-Z]+\\d+\\b'),
  rule('(?:worldwide\\s+)?(?:free\\s+)?shipping'),
  rule('(?:free\\s)?download(?:\\sfree)?'),
  rule('\\bclick\\b\\s(?:for|on)\\s\\w+'),
  rule('\\b(?:png|jpg|jpeg|bmp|webp|eps|pdf|apk|mp4)(?:\\simages?)?'),
  rule('\\bpage\\s+\\d+\\b'),
  rule('\\b\\d*[a-zA-Z]+\\d+[a-zA-Z]+\\d+[a-zA-Z\\p{Nd}]*\\b', ' '),
  rule('\\b\\d+\\.?\\d*[xх×]\\d+\\.?\\d*\\b'),
  rule('\\b\\s+:\\s+', ': '),
  rule('(\\D[,.\\/])\\b', '$1 '),
  rule('\\s+', ' '),
];

const ENDS: readonly Rule[] = [
  rule('^["\']([\\x00-\\u{10ffff}]+)["\']$', '$1'),
  rule("^['_,\\-:;]"),
  rule("['_,\\-:+]$"),
  rule('^\\.\\S+$'),
];

/** `+` is a space and `%20` a byte of UTF-8; what is no UTF-8 becomes U+FFFD. */
function unquotePlus(text: string): string {
  return text.replaceAll('+', ' ').replace(/(?:%[0-9a-f]{2})+/giu, (run) => {
    const bytes = run.slice(1).split('%');
    return new TextDecoder().decode(Uint8Array.from(bytes, (byte) => Number.parseInt(byte, 16)));
  });
}

/** The text between tags, with its entities resolved. */
function textOfHtml(html: string): string {
  return decodeHTML(html.replace(/<!--[\s\S]*?-->|<[a-z/!?][^>]*>/giu, ''));
}
