/** Says something that is odd but may be meant; results on stdout are not touched. */
export function note(sentence: string): void {
  process.stderr.write(`incache: note: ${sentence}\n`);
}
