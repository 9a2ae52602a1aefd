/** One family of colours for all charts: ours from dark to light, peers in grey. */
export const OURS = ['#0b3c5d', '#1f6f8b', '#4c9aa8', '#86c0bd', '#b5552d', '#e0a03b'];
export const OUR_BARS = OURS[1]!;
export const PEERS = '#a9b1b8';
