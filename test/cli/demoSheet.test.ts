/** Captions of the demo's picture: text in lines, its pixels, and where the pictures lie. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { charactersIn, drawLine, wrapped } from '../../src/cli/demo/caption.js';
import { sheet } from '../../src/cli/demo/sheet.js';
import { Picture } from '../../src/pipeline/picture.js';

describe('lines of a caption', () => {
  const cases: readonly (readonly [string, string, string[]])[] = [
    ['short', 'a red apple', ['a red apple']],
    ['broken at spaces', 'cat face with tears of joy', ['cat face with', 'tears of joy']],
    ['a long word anywhere', 'abcdefghijklmnopqrstuvwxyz yes', ['abcdefghijklmnop', 'qrstuvwxyz yes']],
    ['empty', '', ['']],
    ['white space alone', ' \n\t ', ['']],
    ['line breaks are spaces', 'a\r\nb', ['a b']],
    ['control characters can be seen', 'a\u0000b', ['a\\u0000b']],
    ['accents are part of their letter', 'e\u0301te\u0301', ['été']],
    ['a thousand words', 'word '.repeat(1000), ['word word word', 'word word word', 'word word word…']],
    ['no space at all', 'x'.repeat(1e6), ['x'.repeat(16), 'x'.repeat(16), `${'x'.repeat(15)}…`]],
    ['pairs of surrogates count once', '🍎'.repeat(17), ['🍎'.repeat(16), '🍎']],
    ['half a pair', '\ud83c!', ['\ud83c!']],
  ];
  for (const [name, text, lines] of cases)
    test(name, () => assert.deepEqual(wrapped(text, charactersIn(128), 3), lines));
});

describe('pixels of a line', () => {
  const pixels = (text: string) => {
    const lines = Array.from({ length: 13 }, () => Array<string>(8 * Array.from(text).length).fill('.'));
    drawLine(text, 0, 0, (x, y) => {
      lines[y]![x] = '#';
    });
    return lines.map((line) => line.join(''));
  };

  test('a letter', () => {
    assert.deepEqual(pixels('j').slice(3), [
      '.....#..',
      '........',
      '....##..',
      '.....#..',
      '.....#..',
      '.....#..',
      '.....#..',
      '.#...#..',
      '.#...#..',
      '..###...',
    ]);
  });

  test('letters of all blocks of the font differ from what it lacks', () => {
    const frame = pixels('語').join();
    assert.match(frame, /#/);
    for (const character of '!~éžΩωЖя—…') assert.notEqual(pixels(character).join(), frame, character);
    for (const character of ['🍎', '\ud83c', '\u200d']) assert.equal(pixels(character).join(), frame);
  });
});

describe('sheet', () => {
  const colour = (r: number, g: number, b: number) =>
    new Picture(
      64,
      64,
      3,
      Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => [r, g, b][i % 3]!),
    );
  const caption = ['full', 'time 1.00', 'MACs 1.00', ''];

  test('pictures twice as wide beside their captions, the rest dark on white', () => {
    const rows = [{ caption, pictures: [colour(255, 0, 0), colour(0, 255, 0)] }];
    const { width, height, channels, data } = sheet(['a', 'b c'], rows);
    assert.deepEqual([width, height, channels], [176 + 2 * 132 + 4, 4 + 15 + 132 + 4, 3]);
    const counts = new Map<string, number>();
    for (let i = 0; i < data.length; i += 3) {
      const key = data.subarray(i, i + 3).join();
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    assert.deepEqual([...counts.keys()].sort(), ['0,255,0', '255,0,0', '255,255,255', '32,32,32']);
    assert.equal(counts.get('255,0,0'), 128 * 128);
    assert.equal(counts.get('0,255,0'), 128 * 128);
    assert.equal(data.subarray((19 * width + 176) * 3)[0], 255, 'the first picture is at the left');
  });

  test('grey pictures and long captions', () => {
    const grey = new Picture(128, 128, 1, new Uint8Array(128 * 128));
    const rows = [{ caption: ['recipe: '.repeat(40), ...caption], pictures: [grey] }];
    const { width, height } = sheet(['word '.repeat(1000)], rows);
    assert.deepEqual([width, height], [176 + 132 + 4, 4 + 4 * 15 + 132 + 4]);
  });
});
