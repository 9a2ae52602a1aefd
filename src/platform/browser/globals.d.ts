/** What this folder and `src/browser` use of browsers: the types of Node.js leave it out, and those of browsers bring too much. */

/** Reads synchronously; only workers have it. */
declare class FileReaderSync {
  readAsArrayBuffer(blob: Blob): ArrayBuffer;
}

interface WorkerMessage {
  readonly data: unknown;
}

declare class Worker {
  constructor(address: URL, options: { readonly type: 'module'; readonly name: string });
  onmessage: ((event: WorkerMessage) => void) | null;
  onmessageerror: (() => void) | null;
  onerror: ((event: { readonly message?: string; preventDefault(): void }) => void) | null;
  postMessage(message: unknown, transfer?: readonly (ArrayBuffer | MessagePort)[]): void;
  terminate(): void;
}

interface OriginFile {
  getFile(): Promise<File>;
  createWritable?(): Promise<WritableStream<Uint8Array | Blob> & { abort(): Promise<void> }>;
}

interface OriginFolder {
  getDirectoryHandle(name: string, options?: { readonly create: boolean }): Promise<OriginFolder>;
  getFileHandle(name: string, options?: { readonly create: boolean }): Promise<OriginFile>;
  removeEntry(name: string, options?: { readonly recursive: boolean }): Promise<void>;
}

declare const navigator: {
  readonly hardwareConcurrency?: number;
  /** GiB, rounded. */
  readonly deviceMemory?: number;
  readonly storage?: { getDirectory?(): Promise<OriginFolder> };
};

declare const crossOriginIsolated: boolean | undefined;
