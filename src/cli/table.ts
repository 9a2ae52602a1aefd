/** Plain text tables for people. */

/** Columns padded to their widest cell; columns of figures are aligned right. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]!.length)));
  const figures = header.map((_, i) => rows.every((row) => /^(\d.{0,20})?$/.test(row[i]!)));
  const pad = (cell: string, i: number) => (figures[i] ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!));
  const line = (cells: readonly string[]) => cells.map(pad).join('  ').trimEnd();
  return `${[line(header), widths.map((width) => '-'.repeat(width)).join('  '), ...rows.map(line)].join('\n')}\n`;
}

/** `1 image`, `2 images`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** Multiply-accumulates as `12.3 GMAC`. */
export function gmac(macs: number): string {
  const giga = macs / 1e9;
  return giga >= 1000 ? `${(giga / 1000).toFixed(2)} TMAC` : `${giga.toFixed(giga < 10 ? 3 : 1)} GMAC`;
}
