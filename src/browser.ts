/**
 * incache in browsers: the main entry of the package under the condition `browser`. A page calls `openPipeline`, which
 * runs the engine in a worker. In workers of one's own the engine can be used directly: `mountFile` gives it files,
 * `Pipeline` runs.
 */
import { provideParts } from './platform/browser/parts.js';
import * as parts from './platform/node/parts.js';

export * from './common.js';
export * from './page.js';

// Code of one's own may open any file at once; only `openPipeline` waits for what a model needs.
provideParts(parts);
