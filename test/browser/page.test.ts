/** The page of `examples/web`: what it draws, and that it can be used on a narrow screen, in the dark and by keyboard. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { decode } from 'fast-png';
import { type Context, noChromium, type Page } from '../support/chromium.js';
import { writeTinyModel } from '../support/tinyModel.js';
import { openContext, publishedSite } from './shared.js';
import { noEsbuild, type Site } from './site.js';

const SETTINGS = '#labels=0-3&steps=6&rank=16&seed=5&threads=1';

/** Distinct colours of a screenshot. */
function coloursOf(png: Uint8Array): number {
  const { data, channels } = decode(png);
  const colours = new Set<number>();
  for (let at = 0; at < data.length; at += channels)
    colours.add(65536 * data[at]! + 256 * data[at + 1]! + data[at + 2]!);
  return colours.size;
}

/** In the page: the pixels of each row's pictures, as texts. */
const ROWS = `[...document.querySelectorAll('.row > .pictures')].map((row) => [...row.children].map((canvas) =>
  canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.join()).join(';'))`;

/** In the page: the PSNR of each row but the first. */
const DECIBELS =
  "[...document.querySelectorAll('.figures')].slice(1).map((row) => parseFloat(row.lastChild.lastChild.textContent))";

describe('the page', { skip: noChromium || noEsbuild }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'incache-page-'));
  let site: Site;
  let browser: Context;
  let page: Page;
  const idle = () => page.until("!document.querySelector('#draw').disabled");
  const text = (selector: string) =>
    page.evaluate<string>(`document.querySelector('${selector}').textContent`);

  before(async () => {
    site = await publishedSite();
    browser = await openContext();
    page = await browser.page();
    await page.resize({ width: 1200, height: 900 });
    await page.goto(site.isolated.address + SETTINGS);
    await idle();
  });
  after(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true });
  });

  test('draws three rows that differ, and calibration is closer than reuse', async () => {
    assert.equal(await text('#error'), '');
    const rows = await page.evaluate<string[]>(ROWS);
    assert.equal(rows.length, 3);
    assert.equal(new Set(rows).size, 3);
    const decibels = await page.evaluate<number[]>(DECIBELS);
    assert.ok(decibels[1]! > decibels[0]!, `calibrated ${decibels[1]} dB, reuse ${decibels[0]} dB`);
  });

  test('shows what every step did and the errors of layers, which the keyboard can read', async () => {
    await page.evaluate("document.querySelector('.errors').focus()");
    for (const key of ['ArrowRight', 'ArrowDown']) {
      await page.send('Input.dispatchKeyEvent', { type: 'keyDown', key });
      await page.send('Input.dispatchKeyEvent', { type: 'keyUp', key });
    }
    assert.match(await text('.reading'), /^step 2, blocks\.0\.mlp: relative error 0\.\d{4}$/);
    await page.evaluate("document.querySelector('.schedule').focus()");
    assert.match(await text('.reading'), /^step 1, blocks\.0\.q: computed$/);
    const label = "document.querySelector('.schedule').getAttribute('aria-label')";
    assert.match(await page.evaluate(label), /50 % computed, 0 % calibrated, 50 % reused/);
  });

  test('every control has a name', async () => {
    const { nodes } = await page.send('Accessibility.getFullAXTree');
    const unnamed = nodes.filter(
      ({ role, name, ignored }: { role?: { value: string }; name?: { value: string }; ignored: boolean }) =>
        !ignored &&
        /^(button|textbox|spinbutton|combobox|checkbox|img|progressbar|image)$/.test(role?.value ?? '') &&
        !name?.value,
    );
    assert.deepEqual(unnamed, []);
  });

  for (const width of [1200, 360])
    test(`fits ${width} pixels, in the light and in the dark`, async () => {
      const backgrounds = new Set<string>();
      for (const dark of [false, true]) {
        await page.resize({ width, height: 800, dark });
        assert.ok((await page.evaluate<number>('document.documentElement.scrollWidth')) <= width);
        assert.ok(coloursOf(await page.screenshot()) > 100, 'the page is blank');
        backgrounds.add(await page.evaluate('getComputedStyle(document.body).backgroundColor'));
      }
      assert.equal(backgrounds.size, 2);
    });

  test('the address holds the settings', async () => {
    const hash = await page.evaluate<string>('location.hash');
    for (const part of ['labels=0-3', 'steps=6', 'rank=16', 'seed=5', 'third=calibrated'])
      assert.ok(hash.includes(part), hash);
  });

  test('says what is wrong with a class, and draws again', async () => {
    const submit = "document.querySelector('#settings').requestSubmit()";
    const labels = "document.querySelector('[name=labels]').value";
    await page.evaluate(`${labels} = '3, 11'; ${submit}`);
    await page.until("!document.querySelector('#error').hidden");
    assert.match(await text('#error'), /11; expected/);
    await page.evaluate(`document.querySelector('[name=map]').click(); ${labels} = '7'; ${submit}`);
    await idle();
    assert.equal(await text('#error'), '');
    assert.equal(await page.evaluate("document.querySelectorAll('.row:first-child canvas').length"), 2);
  });

  test('cancels a run', async () => {
    await page.evaluate(`document.querySelector('[name=steps]').value = 250;
      document.querySelector('#settings').requestSubmit()`);
    await page.until("document.querySelector('progress')?.value > 0");
    await page.evaluate("document.querySelector('#cancel').click()");
    await idle();
    assert.equal(await text('#status'), 'Cancelled.');
  });

  test('opens a checkpoint, refuses what is none, and goes back to digits', async () => {
    const other = join(folder, 'not a model.safetensors');
    writeFileSync(other, '{"a": 1}');
    await page.setFiles('#file', [other]);
    await page.until("!document.querySelector('#error').hidden");
    assert.match(await text('#error'), /not a model\.safetensors/);
    const model = writeTinyModel(join(folder, 'tiny.safetensors'), { config: { inChannels: 4 } });
    await page.setFiles('#file', [model]);
    await page.until("document.querySelector('#model').textContent.startsWith('tiny.safetensors')");
    await idle();
    assert.match(await text('#model'), /2 blocks of width 32, 3 classes, without an autoencoder/);
    await page.evaluate(`document.querySelector('[name=labels]').value = '0, 2';
      document.querySelector('[name=steps]').value = 4; document.querySelector('[name=rank]').value = 4;
      document.querySelector('#settings').requestSubmit()`);
    await idle();
    assert.equal(await text('#error'), '');
    // Random weights give colours beyond what can be shown, which caches may not change.
    assert.equal((await page.evaluate<string[]>(ROWS)).length, 3);
    await page.evaluate("document.querySelector('#digits').click()");
    await page.until("document.querySelector('#model').textContent.startsWith('Digits')");
  });

  test('draws emoji from prompts, with the recipe of their model, and its link says so', async () => {
    const settings = {
      model: 'emoji',
      prompts: 'a red apple, noto\n',
      second: 'reuse',
      third: 'recipe',
    };
    const hash = new URLSearchParams({
      ...settings,
      steps: '20',
      guidance: '3.5',
      threads: '1',
      map: 'false',
    });
    await page.evaluate(`(location.hash = '${hash}', location.reload())`);
    await page.until("document.querySelectorAll('.figures')[2]?.childElementCount > 0");
    await idle();
    assert.equal(await text('#error'), '');
    assert.match(await text('#model'), /^Emoji: .* prompts, with its autoencoder/);
    const rows = await page.evaluate<string[]>(ROWS);
    assert.equal(new Set(rows).size, 3);
    const [reuse, recipe] = await page.evaluate<number[]>(DECIBELS);
    assert.ok(recipe! > reuse!, `recipe ${recipe} dB, reuse ${reuse} dB`);
    assert.ok(coloursOf(await page.screenshot()) > 100, 'the page is blank');
    assert.ok((await page.evaluate<string>('location.hash')).includes('model=emoji'));
    assert.equal(await page.evaluate("document.querySelector('[name=labels]').offsetParent"), null);
    await page.evaluate("document.querySelector('#digits').click()");
    await page.until("document.querySelector('#model').textContent.startsWith('Digits')");
    await idle();
    assert.equal(await page.evaluate("document.querySelector('[name=third]').value"), 'calibrated');
  });

  test('is quiet on the console and asks no other origin', () => {
    assert.deepEqual(page.messages, []);
    const origin = new URL(site.isolated.address).origin;
    const foreign = page.requests.filter(
      (url) => !/^(data|blob):/.test(url) && new URL(url).origin !== origin,
    );
    assert.ok(page.requests.length > 5);
    assert.deepEqual(foreign, []);
  });
});
