/** The colours of charts and differences. */

/** Dark to bright, as in the legend of style.css. */
const STOPS = [
  [13, 15, 26],
  [91, 26, 110],
  [196, 60, 78],
  [245, 154, 51],
  [252, 243, 166],
];

/** Red, green and blue of a share; 0 is darkest, 1 and more brightest. */
export function heat(share) {
  const place = Math.min(Math.max(share, 0), 1) * (STOPS.length - 1);
  const low = Math.min(Math.floor(place), STOPS.length - 2);
  return STOPS[low].map((value, i) => value + (place - low) * (STOPS[low + 1][i] - value));
}

/** A colour of style.css by its name, as the scheme of the page has it now. */
export function themeColour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}
