/** Captions as PixArt's pipelines clean them: `captions.json`, recorded from diffusers with bs4 and ftfy. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cleanCaption, plainCaption } from '../../src/text/cleanCaption.js';
import { goldenFiles, readGoldenText, requireKind } from '../support/golden.js';

const files = ['pixart', 'text/pixart'].flatMap((folder) => goldenFiles(/^captions\.json$/, folder));
requireKind('captions', files);

for (const file of files)
  test(`${file}: cleaned as the original does`, () => {
    const recorded: readonly { raw: string; cleaned: string; plain: string }[] = JSON.parse(
      readGoldenText(file),
    );
    for (const { raw, cleaned, plain } of recorded) {
      assert.equal(cleanCaption(raw), cleaned, JSON.stringify(raw));
      assert.equal(plainCaption(raw), plain, JSON.stringify(raw));
    }
  });
