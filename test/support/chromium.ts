/** A headless Chromium, led through its DevTools protocol by a pipe. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { Readable, Writable } from 'node:stream';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** `INCACHE_CHROMIUM`, or what is on the PATH. */
const found = [
  process.env.INCACHE_CHROMIUM,
  ...(process.env.PATH ?? '').split(delimiter).flatMap((folder) => NAMES.map((name) => join(folder, name))),
].find((path) => path && existsSync(path));

/** For the option `skip` of a test: the reason, or false. */
export const noChromium: string | false = found ? false : 'there is no Chromium (apt-get install chromium)';

const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-dev-shm-usage',
  '--remote-debugging-pipe',
];

/** Milliseconds after which a page that does not answer has failed: far more than any step takes. */
const PATIENCE = 120_000;

interface Message {
  readonly id?: number;
  readonly sessionId?: string;
  readonly method?: string;
  // biome-ignore lint/suspicious/noExplicitAny: the protocol has hundreds of forms
  readonly params?: any;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly result?: any;
  readonly error?: { readonly message: string };
}

/** As the promise settles, or an error with the complaint where that takes longer than PATIENCE. */
function inTime<T>(promise: Promise<T>, complaint: string): Promise<T> {
  let timer: NodeJS.Timeout;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(complaint)), PATIENCE);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

type Listener = (message: Message) => void;

export class Chromium {
  readonly #process: ChildProcess;
  readonly #profile: string;
  readonly #ended: Promise<unknown>;
  readonly #pending = new Map<number, (message: Message) => void>();
  readonly #listeners = new Map<string, Listener>();
  #next = 1;
  #rest = '';

  private constructor(profile: string, process: ChildProcess) {
    this.#profile = profile;
    this.#process = process;
    this.#ended = new Promise((resolve) => process.once('exit', resolve));
    (process.stdio[4] as Readable).setEncoding('utf8').on('data', (text: string) => this.#receive(text));
    process.once('exit', () => {
      for (const settle of this.#pending.values()) settle({ error: { message: 'Chromium has ended' } });
    });
  }

  static async launch(flags: readonly string[] = []): Promise<Chromium> {
    const profile = mkdtempSync(join(tmpdir(), 'incache-chromium-'));
    const child = spawn(found!, [...FLAGS, ...flags, `--user-data-dir=${profile}`, 'about:blank'], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    });
    return new Chromium(profile, child);
  }

  /** A profile of its own: what its pages keep no other one finds. */
  async context(): Promise<Context> {
    const { browserContextId } = await this.send('Target.createBrowserContext');
    return new Context(this, browserContextId);
  }

  /** `context`: the id of one; without, that of the browser. */
  async page(context?: string): Promise<Page> {
    const { targetId } = await this.send('Target.createTarget', {
      url: 'about:blank',
      ...(context !== undefined && { browserContextId: context }),
    });
    const { sessionId } = await this.send('Target.attachToTarget', { targetId, flatten: true });
    const page = new Page(this, sessionId, targetId);
    this.#listeners.set(sessionId, (message) => page.receive(message));
    for (const domain of ['Page', 'Runtime', 'Network', 'Log', 'DOM']) await page.send(`${domain}.enable`);
    return page;
  }

  send(method: string, params: object = {}, sessionId?: string): Promise<Message['result']> {
    const id = this.#next++;
    const message = { id, method, params, ...(sessionId && { sessionId }) };
    const answer = new Promise<Message['result']>((resolve, reject) => {
      this.#pending.set(id, ({ result, error }) => {
        this.#pending.delete(id);
        if (error) reject(new Error(`${method}: ${error.message}`));
        else resolve(result);
      });
      (this.#process.stdio[3] as Writable).write(`${JSON.stringify(message)}\0`);
    });
    return inTime(answer, `${method} was not answered`);
  }

  async close(): Promise<void> {
    await this.send('Browser.close').catch(() => this.#process.kill('SIGKILL'));
    await this.#ended;
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5 });
  }

  #receive(text: string): void {
    const messages = (this.#rest + text).split('\0');
    this.#rest = messages.pop()!;
    for (const json of messages) {
      const message = JSON.parse(json) as Message;
      if (message.id !== undefined) this.#pending.get(message.id)?.(message);
      else if (message.sessionId) this.#listeners.get(message.sessionId)?.(message);
    }
  }
}

/** Pages that share what they keep, and end together. */
export class Context {
  constructor(
    readonly chromium: Chromium,
    readonly id: string,
  ) {}

  page(): Promise<Page> {
    return this.chromium.page(this.id);
  }

  async close(): Promise<void> {
    await this.chromium.send('Target.disposeBrowserContext', { browserContextId: this.id });
  }
}

export interface Viewport {
  readonly width: number;
  readonly height: number;
  readonly dark?: boolean;
}

export class Page {
  /** What the page, its workers left out, has written to the console, and errors that nobody caught. */
  readonly messages: string[] = [];
  /** Addresses that were asked for. */
  readonly requests: string[] = [];
  #loaded: (() => void) | undefined;

  constructor(
    readonly chromium: Chromium,
    readonly sessionId: string,
    readonly targetId: string,
  ) {}

  send(method: string, params: object = {}): Promise<Message['result']> {
    return this.chromium.send(method, params, this.sessionId);
  }

  async goto(url: string): Promise<void> {
    const loaded = new Promise<void>((resolve) => {
      this.#loaded = resolve;
    });
    const { errorText } = await this.send('Page.navigate', { url });
    if (errorText) throw new Error(`${url}: ${errorText}`);
    await inTime(loaded, `${url} was not loaded`);
  }

  /** The value of an expression, awaited if it is a promise. */
  async evaluate<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = await this.send('Runtime.evaluate', {
      expression,
      awaitPromise: true,
      returnByValue: true,
    });
    if (exceptionDetails)
      throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text ?? 'it threw');
    return result.value as T;
  }

  /** Resolves when the expression is true. */
  async until(expression: string): Promise<void> {
    for (const end = Date.now() + PATIENCE; !(await this.evaluate<boolean>(`Boolean(${expression})`)); ) {
      if (Date.now() > end) throw new Error(`never true: ${expression}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Gives files to an `<input type=file>`. */
  async setFiles(selector: string, files: readonly string[]): Promise<void> {
    const { root } = await this.send('DOM.getDocument');
    const { nodeId } = await this.send('DOM.querySelector', { nodeId: root.nodeId, selector });
    await this.send('DOM.setFileInputFiles', { files, nodeId });
  }

  async resize({ width, height, dark = false }: Viewport): Promise<void> {
    await this.send('Emulation.setDeviceMetricsOverride', {
      width,
      height,
      deviceScaleFactor: 1,
      mobile: false,
    });
    await this.send('Emulation.setScrollbarsHidden', { hidden: true });
    const features = [{ name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' }];
    await this.send('Emulation.setEmulatedMedia', { features });
  }

  /** As PNG: what is in view, or the whole page. */
  async screenshot(whole = false): Promise<Buffer> {
    const { data } = await this.send('Page.captureScreenshot', {
      format: 'png',
      captureBeyondViewport: whole,
    });
    return Buffer.from(data, 'base64');
  }

  /** Workers of all pages that are open. */
  async workers(): Promise<string[]> {
    const filter = [{ type: 'worker' }];
    const { targetInfos } = await this.chromium.send('Target.getTargets', { filter });
    return targetInfos.map(({ url }: { url: string }) => url);
  }

  async close(): Promise<void> {
    await this.chromium.send('Target.closeTarget', { targetId: this.targetId });
  }

  receive({ method, params }: Message): void {
    switch (method) {
      case 'Page.loadEventFired':
        this.#loaded?.();
        break;
      case 'Network.requestWillBeSent':
        this.requests.push(params.request.url);
        break;
      case 'Runtime.consoleAPICalled':
        this.messages.push(
          params.args.map(({ value, description }: never) => value ?? description).join(' '),
        );
        break;
      case 'Runtime.exceptionThrown':
        this.messages.push(params.exceptionDetails.exception?.description ?? params.exceptionDetails.text);
        break;
      case 'Log.entryAdded':
        this.messages.push(`${params.entry.text} ${params.entry.url ?? ''}`);
        break;
    }
  }
}
