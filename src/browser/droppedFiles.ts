/** The files of a drop on a page, with those in folders. */
import type { ModelParts } from './engineMethods.js';

/** An entry of a drop, of which browsers have no better form that all of them know. */
interface Entry {
  readonly isFile: boolean;
  readonly fullPath: string;
  file?(resolve: (file: File) => void, reject: (error: unknown) => void): void;
  createReader?(): EntryReader;
}

interface EntryReader {
  readEntries(resolve: (entries: Entry[]) => void, reject: (error: unknown) => void): void;
}

interface Drop {
  readonly items: Iterable<{ webkitGetAsEntry?(): unknown; getAsFile(): File | null }>;
}

/** More files than any model has. */
const MOST_FILES = 20_000;

/** dataTransfer: that of a `drop` event, to be called while it is served. Files of one level have no path before their names. */
export async function droppedFiles(dataTransfer: Drop): Promise<ModelParts> {
  const files: Record<string, File> = {};
  // All at once: after the first pause the browser takes the list away.
  const items = [...dataTransfer.items].map((item) => ({
    entry: item.webkitGetAsEntry?.() as Entry | null | undefined,
    file: item.getAsFile(),
  }));
  for (const { entry, file } of items)
    if (entry) await collect(entry, files);
    else if (file) files[file.name] = file;
  return files;
}

async function collect(entry: Entry, files: Record<string, File>): Promise<void> {
  if (Object.keys(files).length >= MOST_FILES) return;
  if (entry.isFile) {
    files[entry.fullPath.replace(/^\//, '')] = await new Promise<File>((resolve, reject) =>
      entry.file!(resolve, reject),
    );
    return;
  }
  const reader = entry.createReader!();
  for (;;) {
    // It gives a hundred at a time.
    const entries = await new Promise<Entry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (entries.length === 0) return;
    for (const child of entries) await collect(child, files);
  }
}
