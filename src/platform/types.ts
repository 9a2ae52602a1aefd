/** What both sides of the platform give: `node/` for Node.js, `browser/` for pages and their workers. */

/** How many threads a device gets when none are asked for, and why it is not the number of processors. */
export interface Processors {
  readonly count: number;
  /** Such as `a quota of 1.5 of 64 processors`; undefined where nothing limits them. */
  readonly reason: string | undefined;
}

/** A file that is open for reading. */
export interface OpenFile {
  readonly size: number;
  /** Fills a part of `target` from its start and returns how many bytes that are; 0 at the end of the file. */
  read(target: Uint8Array, position: number): number;
  close(): void;
}

/** A file that is there when it is finished, and not before. */
export interface NewFile {
  write(chunk: Uint8Array): void;
  finish(): void;
  /** Leaves nothing behind; after `finish` it does nothing. */
  abandon(): void;
}

/** A hash that is given its data piece by piece; text counts as UTF-8. */
export interface StreamingHash {
  update(data: Uint8Array | string): void;
  /** In hexadecimal. */
  digest(): string;
}

/** A thread that runs the kernels of a device. */
export interface KernelThread {
  terminate(): Promise<unknown>;
}

/** What happens to a thread: it joins once, and ends once. */
export interface ThreadEvents {
  joined(): void;
  ended(reason: string): void;
}

/** What has messages in a browser: a worker as it sees itself, or the end of a channel. */
export interface MessageScope {
  onmessage: ((event: { readonly data: unknown }) => void) | null;
  postMessage(message: unknown): void;
}
