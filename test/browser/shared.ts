/** What the files of this folder have in common where they run in one process: a Chromium, and sites, begun when they are asked for. */
import { after } from 'node:test';
import { Chromium, type Context } from '../support/chromium.js';
import { Site } from './site.js';

/** Reports of memory at once, and not after the next collection that happens to come. */
const FLAGS = ['--enable-blink-features=ForceEagerMeasureMemory'];

let chromium: Promise<Chromium> | undefined;
let plain: Promise<Site> | undefined;
let withWorkers: Promise<Site> | undefined;
after(async () => {
  await (await chromium)?.close();
  for (const site of [plain, withWorkers]) await (await site)?.[Symbol.asyncDispose]();
});

/** For the pages of one file, which closes it. */
export async function openContext(): Promise<Context> {
  chromium ??= Chromium.launch(FLAGS);
  return (await chromium).context();
}

/** The engine as it is published. */
export function publishedSite(): Promise<Site> {
  plain ??= Site.build();
  return plain;
}

/** The engine with the workers of tests. */
export function siteWithWorkers(): Promise<Site> {
  withWorkers ??= Site.build(['conformanceWorker', 'gpuWorker']);
  return withWorkers;
}
