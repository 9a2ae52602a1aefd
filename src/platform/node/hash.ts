import { createHash } from 'node:crypto';
import type { StreamingHash } from '../types.js';

export function sha256(): StreamingHash {
  const hash = createHash('sha256');
  return { update: (data) => void hash.update(data), digest: () => hash.digest('hex') };
}
