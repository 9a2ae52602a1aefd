/** The main process: it opens the window and draws for it. */
import { fileURLToPath } from 'node:url';
import { app, BrowserWindow, ipcMain } from 'electron';
import { EMBEDDED_MODEL, Pipeline } from 'incache';

const beside = (name) => fileURLToPath(new URL(name, import.meta.url));
const opening = Pipeline.load(EMBEDDED_MODEL);

/** Resolves to a PNG and tells the page of every step. A window that is closed ends its run. */
ipcMain.handle('draw', async ({ sender }, { label, seed }) => {
  const pipeline = await opening;
  const closed = new AbortController();
  const onClosed = () => closed.abort();
  sender.once('destroyed', onClosed);
  try {
    const { images } = await pipeline.generate(
      { labels: [label], seed, steps: 20, signal: closed.signal },
      ({ index, steps }) => sender.isDestroyed() || sender.send('step', index + 1, steps),
    );
    return images[0].toPng();
  } finally {
    if (!sender.isDestroyed()) sender.off('destroyed', onClosed);
  }
});

app.whenReady().then(() => {
  const window = new BrowserWindow({ webPreferences: { preload: beside('preload.cjs') } });
  return window.loadFile(beside('index.html'));
});
app.on('window-all-closed', () => app.quit());
