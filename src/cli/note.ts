/** Says something that is odd but may be meant; results on stdout are not touched. */
export function note(sentence: string): void {
  // A progress bar may be on this line.
  const clear = process.stderr.isTTY ? '\r\x1b[K' : '';
  process.stderr.write(`${clear}incache: note: ${sentence}\n`);
}
