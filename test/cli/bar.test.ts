/** The progress bar stays on its line and draws no more often than a terminal can take. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Bar } from '../../src/cli/bar.js';

function drawn(columns?: number) {
  const lines: string[] = [];
  let time = 0;
  const bar = new Bar('work', { columns: columns!, write: (text) => lines.push(text) }, () => time);
  const wait = (milliseconds: number) => {
    time += milliseconds;
  };
  return { bar, lines, wait };
}

test('a bar shows its share and its text, and leaves an empty line', () => {
  const { bar, lines, wait } = drawn();
  wait(100);
  bar.show(0.5, '1/2');
  wait(100);
  bar.show(7, 'more than all');
  bar.stop();
  assert.deepEqual(lines, [
    `\r\x1b[Kwork ${'░'.repeat(40)}`,
    `\r\x1b[Kwork ${'█'.repeat(20)}${'░'.repeat(20)} 1/2`,
    `\r\x1b[Kwork ${'█'.repeat(40)} more than all`,
    '\r\x1b[K',
  ]);
});

test('a bar is never longer than its line, and skips what comes too soon', () => {
  const { bar, lines, wait } = drawn(30);
  wait(99);
  bar.show(0.5, 'too soon');
  wait(1);
  bar.show(0.9, 'x'.repeat(100));
  assert.deepEqual(
    lines.map((line) => line.length - '\r\x1b[K'.length),
    [29, 29],
  );
});
