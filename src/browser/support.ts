/** What this browser and the headers of this page let the engine do. */
import { detectFeatures } from '../backend/wasm/features.js';
import { usableProcessors } from '../platform/browser/machineLimits.js';

export interface BrowserSupport {
  /** Why the engine cannot run here, a sentence; undefined where it can. */
  readonly problem: string | undefined;
  /** Whether the page is cross-origin isolated, which threads need. */
  readonly isolated: boolean;
  /** Threads that a pipeline gets when none are asked for. */
  readonly threads: number;
  /** What would make it faster, a sentence each. */
  readonly notes: readonly string[];
}

export function browserSupport(): BrowserSupport {
  const { simd, relaxed, shared } = detectFeatures();
  const isolated = shared && (typeof crossOriginIsolated === 'undefined' || crossOriginIsolated);
  const notes: string[] = [];
  if (!isolated)
    notes.push(
      'This page is not cross-origin isolated, so there is one thread; its server can send the headers Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp.',
    );
  if (simd && !relaxed) notes.push('This browser has no relaxed SIMD, so products take a little longer.');
  return { problem: problemOf(simd), isolated, threads: isolated ? usableProcessors().count : 1, notes };
}

function problemOf(simd: boolean): string | undefined {
  if (typeof Worker === 'undefined') return 'This browser has no workers, in which the engine runs.';
  if (!simd) return 'This browser has no WebAssembly SIMD, which the engine needs.';
  return undefined;
}
