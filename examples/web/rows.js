/** A row of pictures with its figures, and the pictures of what differs from the full run. */

import { meanPsnr } from 'incache/evaluate';
import { grid } from 'incache/page';
import { heat } from './colours.js';

/** How much a difference is amplified. */
const AMPLIFIED = 4;

export class Row {
  /** labels: what the pictures are of, for people. */
  constructor(title, labels) {
    this.element = document.querySelector('#row').content.firstElementChild.cloneNode(true);
    this.title = title;
    this.element.querySelector('h2').textContent = title;
    this.progress = this.element.querySelector('progress');
    this.progress.setAttribute('aria-label', `Steps of: ${title}`);
    this.figures = this.element.querySelector('.figures');
    this.element.style.setProperty('--columns', Math.max(labels.length, 4));
    this.differences = this.element.querySelector('.differences');
    this.canvases = this.#canvases('.row > .pictures', labels, '');
    this.differenceCanvases = this.#canvases('.differences .pictures', labels, 'difference of ');
    this.pictures = [];
    this.milliseconds = 0;
    this.macs = 0;
  }

  /** After a step: pictures (small previews at first), and what they are held against, undefined for the full run. */
  show(pictures, full) {
    this.pictures = pictures;
    for (const [i, picture] of pictures.entries()) paint(this.canvases[i], picture);
    this.differences.hidden = !full;
    if (!full) return;
    for (const [i, picture] of pictures.entries())
      paint(this.differenceCanvases[i], picture, (value, at) =>
        heat((AMPLIFIED * Math.abs(value - full[i].data[at])) / 255),
      );
  }

  /** share: of the steps, 0 to 1. */
  advance(share, step) {
    this.progress.value = share;
    this.milliseconds += step.milliseconds;
    this.macs += step.macs;
  }

  /** full: the row without a cache, or this row itself; values of both for the PSNR, where there are any. */
  report(full, values, fullValues) {
    const entries = [
      ['time', `${(this.milliseconds / 1000).toFixed(2)} s`],
      ['MACs', `${(this.macs / 1e9).toFixed(1)} G`],
    ];
    if (full !== this && full.macs > 0 && full.milliseconds > 0) {
      entries[0][1] += ` (${percent(this.milliseconds / full.milliseconds)})`;
      entries[1][1] += ` (${percent(this.macs / full.macs)})`;
      const decibels = meanPsnr(values, fullValues, this.pictures.length);
      this.psnr = decibels;
      entries.push(['PSNR', Number.isFinite(decibels) ? `${decibels.toFixed(1)} dB` : 'equal']);
    }
    this.figures.replaceChildren(
      ...entries.map(([name, value]) => {
        const group = document.createElement('div');
        group.append(element('dt', name), element('dd', value));
        return group;
      }),
    );
  }

  #canvases(selector, labels, prefix) {
    const canvases = labels.map((label) => {
      const canvas = document.createElement('canvas');
      canvas.width = canvas.height = 1;
      canvas.setAttribute('role', 'img');
      canvas.setAttribute('aria-label', `${prefix}${label}`);
      return canvas;
    });
    const place = selector.startsWith('.row')
      ? this.element.querySelector(':scope > .pictures')
      : this.element.querySelector(selector);
    place.append(...canvases);
    return canvases;
  }
}

/** All rows as one PNG. */
export function rowsAsPng(rows) {
  const pictures = rows.flatMap((row) => row.pictures);
  return new Blob([grid(pictures, rows[0].pictures.length).toPng()], { type: 'image/png' });
}

/** Values of pictures in [-1, 1], for the PSNR of models whose latents are no pictures. */
export function valuesOf(pictures) {
  return Float32Array.from(
    pictures.flatMap(({ data }) => [...data]),
    (byte) => byte / 127.5 - 1,
  );
}

/** colour: from the first channel's byte and its place to red, green and blue; default: the picture's own. */
function paint(canvas, { width, height, channels, data }, colour) {
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
    canvas.classList.toggle('small', width < 128);
  }
  const context = canvas.getContext('2d');
  const image = context.createImageData(width, height);
  for (let pixel = 0; pixel < width * height; pixel++) {
    const at = pixel * channels;
    const rgb = colour?.(data[at], at) ?? [
      data[at],
      data[at + (channels > 1)],
      data[at + 2 * (channels > 1)],
    ];
    image.data.set([...rgb, 255], 4 * pixel);
  }
  context.putImageData(image, 0, 0);
}

function element(name, text) {
  const node = document.createElement(name);
  node.textContent = text;
  return node;
}

function percent(share) {
  return `${Math.round(100 * share)} %`;
}
