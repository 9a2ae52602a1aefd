/** `incache serve`: from the command line to a picture and a clean end. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { loadServerPackage } from '../../src/cli/serverPackage.js';
import { ended, incache, start, Workplace } from './run.js';

describe('serve', () => {
  test('says where it listens, draws, and ends cleanly when it is told to', async () => {
    using place = new Workplace();
    const child = start(
      ['serve', '--port', '0', '--json', '--name', 'digits', '--policy', 'reuse'],
      place.folder,
    );
    const whole = ended(child);
    const [line] = (await once(child.stdout!, 'data')) as [string];
    const { address } = JSON.parse(line) as { address: string };
    const response = await fetch(`${address}/v1/images/generations`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ label: 7, steps: 2, model: 'digits' }),
    });
    assert.equal(response.status, 200);
    child.kill('SIGTERM');
    const { code, stderr } = await whole;
    assert.deepEqual([code, stderr], [0, '']);
  });

  test('refuses files of tokens and recipes that are none', async () => {
    using place = new Workplace();
    for (const [args, message] of [
      [['--tokens', 'nothing.txt'], /the tokens in nothing\.txt cannot be read/],
      [['--recipes', 'nothing.safetensors'], /nothing\.safetensors/],
      [['--token', 'short'], /token is '\.\.\.'; expected at least 8 printable characters/],
      [['--port', '99999'], /port/],
    ] as const) {
      const { code, stderr } = await incache(['serve', '--port', '0', ...args], place.folder);
      assert.equal(code, 2, stderr);
      assert.match(stderr, message);
    }
  });

  test('says how to install the server where it is not', async () => {
    await assert.rejects(
      loadServerPackage('/nowhere', '@incache/none'),
      /^IncacheError: incache serve needs the package @incache\/none: npm install @incache\/none$/,
    );
  });
});
