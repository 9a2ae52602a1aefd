/** Files that stay with the browser for the next visit, in the private file system of the page's origin (OPFS). */

const FOLDER = 'incache';

/** The file that was kept under `name`; undefined where there is none, or the browser keeps none. */
export async function keptFile(name: string): Promise<Blob | undefined> {
  try {
    const folder = await keptFolder();
    const file = await folder?.getFileHandle(name);
    return await file?.getFile();
  } catch {
    return undefined;
  }
}

/** Keeps a file, whole or not at all, and returns it as it is kept; undefined where the browser keeps none, or has no room. */
export async function keepFile(
  name: string,
  content: Blob | ReadableStream<Uint8Array>,
): Promise<Blob | undefined> {
  const file = await writableFile(name);
  if (!file) return undefined;
  try {
    const stream = content instanceof Blob ? (content.stream() as ReadableStream<Uint8Array>) : content;
    await stream.pipeTo(file.writable);
    return await file.handle.getFile();
  } catch (error) {
    await forgetFile(name);
    throw error;
  }
}

export async function forgetFile(name: string): Promise<void> {
  const folder = await keptFolder();
  await folder?.removeEntry(name).catch(() => undefined);
}

async function writableFile(name: string) {
  try {
    const folder = await keptFolder();
    const handle = await folder?.getFileHandle(name, { create: true });
    const writable = await handle?.createWritable?.();
    return handle && writable && { handle, writable };
  } catch {
    return undefined;
  }
}

async function keptFolder(): Promise<OriginFolder | undefined> {
  const root = await navigator.storage?.getDirectory?.();
  return root?.getDirectoryHandle(FOLDER, { create: true });
}
