/** `--against`, with a bar while its images are measured. */
import type { FeatureExtractor } from '../evaluate/features/featureExtractor.js';
import { loadReference, type Reference } from '../evaluate/metrics/reference.js';
import { note } from './note.js';
import { type Progress, startProgress } from './progress.js';

export async function openReference(
  path: string,
  extractor: FeatureExtractor,
  { signal, quiet }: { readonly signal: AbortSignal; readonly quiet: boolean },
): Promise<Reference> {
  let progress: Progress | undefined;
  let done = 0;
  const onProgress = (images: number, total: number) => {
    progress ??= startProgress('measuring the reference', total, quiet);
    for (; done < images; done++) progress.advance();
  };
  try {
    return await loadReference(path, extractor, { signal, onProgress, onDoubt: note });
  } finally {
    progress?.stop();
  }
}
