/** The page: what its buttons do, and what it says. */
import { browserSupport, droppedFiles } from 'incache';
import { draw } from './draw.js';
import { Model } from './model.js';
import { rowsAsPng } from './rows.js';
import { Settings } from './settings.js';

const $ = (selector) => document.querySelector(selector);
const support = browserSupport();
const settings = new Settings($('#settings'), support.threads);

let model;
let rows = [];
/** Ends what is going on. */
let controller;

/** Runs one thing at a time; what was going on is cancelled. Errors are shown as the sentence that they are. */
async function busy(work) {
  controller?.abort();
  const mine = new AbortController();
  controller = mine;
  setBusy(true);
  showError('');
  try {
    await work(mine.signal);
    if (controller === mine) say('');
  } catch (error) {
    if (mine.signal.aborted) {
      if (controller === mine) say('Cancelled.');
    } else {
      say('');
      showError(error.message);
    }
  } finally {
    if (controller === mine) {
      controller = undefined;
      setBusy(false);
    }
  }
}

function setBusy(isBusy) {
  $('#cancel').disabled = !isBusy;
  $('#draw').disabled = isBusy || !model;
  $('#save').disabled = isBusy || rows.length === 0;
}

function say(text) {
  $('#status').textContent = text;
}

function showError(text) {
  $('#error').hidden = text === '';
  $('#error').textContent = text;
}

/** source: as for `Model.open`. The model that was there stays until the new one is open. */
async function open(source, signal, vae) {
  say('Opening…');
  const { threads } = settings.values;
  const opened = await Model.open(source, {
    threads,
    vae,
    signal,
    onProgress: ({ name, done, total }) =>
      say(`Fetching ${name}: ${megabytes(done)}${total > 0 ? ` of ${megabytes(total)}` : ''}`),
  });
  const former = model;
  const isOther = former !== undefined && former.source !== source;
  model = opened;
  model.threadsAsked = threads;
  $('#model').textContent = model.description;
  $('#digits').hidden = model.isDigits;
  const [note] = model.pipeline.info.notes;
  if (note) showNotice(note);
  // Other classes, and much more work a step.
  if (isOther) settings.fill(model.isDigits ? { labels: '0-9', map: true } : { labels: '207', map: false });
  await former?.dispose();
}

async function drawRows(signal) {
  if (model.threadsAsked !== settings.values.threads) await open(model.source, signal);
  history.replaceState(null, '', settings.link);
  rows = await draw({
    model,
    settings,
    places: { rows: $('#rows'), charts: $('#charts') },
    say,
    signal,
  });
}

/** What was dropped or chosen: a model, or else the autoencoder of the one that is open. */
async function take(files, signal) {
  if (Object.keys(files).length === 0) throw new Error('Nothing that could be read was dropped.');
  try {
    await open(files, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (!model || model.pipeline.info.hasPictures) throw error;
    await open(model.source, signal, files).catch(() => {
      throw error;
    });
  }
}

function showNotice(text) {
  $('#notice').hidden = false;
  $('#notice').textContent = text;
}

function megabytes(bytes) {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

function save(blob, name) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

$('#settings').addEventListener('submit', (event) => {
  event.preventDefault();
  void busy(drawRows);
});
$('#cancel').addEventListener('click', () => controller?.abort());
$('#save').addEventListener('click', () => save(rowsAsPng(rows), 'incache.png'));
$('#link').addEventListener('click', async () => {
  history.replaceState(null, '', settings.link);
  await navigator.clipboard.writeText(settings.link).then(
    () => say('The link is on the clipboard.'),
    () => say('The link is in the address bar.'),
  );
});
$('#digits').addEventListener('click', () => busy((signal) => open(undefined, signal)));
for (const input of [$('#file'), $('#folder')])
  input.addEventListener('change', () => {
    const files = Object.fromEntries(
      [...input.files].map((file) => [file.webkitRelativePath || file.name, file]),
    );
    input.value = '';
    void busy((signal) => take(files, signal));
  });

addEventListener('keydown', (event) => {
  if (event.key === 'Escape') controller?.abort();
});
addEventListener('dragover', (event) => {
  event.preventDefault();
  document.body.classList.add('dropping');
});
addEventListener('dragleave', (event) => {
  if (!event.relatedTarget) document.body.classList.remove('dropping');
});
addEventListener('drop', (event) => {
  event.preventDefault();
  document.body.classList.remove('dropping');
  const files = droppedFiles(event.dataTransfer);
  void busy(async (signal) => take(await files, signal));
});

if (support.notes.length > 0) showNotice(support.notes.join(' '));
$('#support').textContent =
  `Computed by WebAssembly on this machine, with up to ${support.threads} ${support.threads === 1 ? 'thread' : 'threads'}.`;
await busy(async (signal) => {
  await open(undefined, signal);
  await drawRows(signal);
});
