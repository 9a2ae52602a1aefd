/** What the demo draws: emoji from words, or digits where the model of emoji is not installed. */
import { EMBEDDED_MODEL } from '../../embedded.js';
import { ArgumentError } from '../../errors.js';
import type { SampleOptions } from '../../pipeline/options.js';
import { emojiModel } from './emojiModel.js';

export interface DemoSubject {
  readonly model: string;
  /** What is drawn, one for each image. */
  readonly request: Pick<SampleOptions, 'labels' | 'prompts' | 'guidanceScale'>;
  readonly images: readonly string[];
  /** Of the sampler, where nobody says how many. */
  readonly steps: number;
}

const PROMPTS = [
  'a red apple, noto',
  'smiling face with sunglasses, twemoji',
  'cat face with tears of joy, noto',
  'panda, twemoji',
  'lion, twemoji',
  'frog, twemoji',
  'hamburger, noto',
  'rainbow, twemoji',
];
const DIGITS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];

/** @param prompts of the user's own; none: a set that the model draws well */
export function demoSubject(prompts: readonly string[] | undefined): DemoSubject {
  const emoji = emojiModel();
  if (emoji) {
    const images = prompts ?? PROMPTS;
    return { model: emoji, request: { prompts: images, guidanceScale: 3.5 }, images, steps: 20 };
  }
  if (prompts)
    throw new ArgumentError(
      'prompt',
      prompts[0],
      'the package @incache/emoji beside incache: digits have no prompts',
    );
  return { model: EMBEDDED_MODEL, request: { labels: DIGITS }, images: DIGITS.map(String), steps: 50 };
}
