/** What stands above the figures: how to read them, and where we lose and why. */
export const INTRODUCTION = `# Performance

Made from the newest files in \`bench/results\` by \`npm run bench:report\`, as is \`performance.html\` with charts; \`npm run bench\`, \`bench:block\`, \`bench:scaling\` and
\`bench:whole\` make those files (\`bench/README.md\`). Machines are shared and noisy: read the ratios, which come from contenders run in turn in one process
(medians), not the absolute figures. "Loop" is the rate of a pure multiply-add loop of the same instruction set and type in the same rounds, times the
threads: the limit. A "?" stands where the samples could not be told apart.

Native, as of 2026-11-25: the block was timed while other programs kept both cores busy (the loop ran at half of what it reaches alone, and figures of two
threads mean little). A calibrated DiT-XL/2 block takes 1.27 (f32) and 1.6 (bf16) of its share of the multiply-adds on one thread, not the 1.15 asked for: of a sampled profile
about 60 % are products, which run near the loop; the rest is reading C(x) and C(y), the two GELUs of delta-GELU and softmax. On the embedded model the caches of a batch
of ten (63 MB in float32) pass through memory at every step: there calibrated steps are bound by bandwidth. Tried, without gain: strips of 12 and 14 rows by two vectors instead of 8 by 3.

Where WebAssembly falls short: on the embedded model a calibrated trajectory takes more than its share of the multiply-adds. Its layers are short
(depth 128, rank 16 or 32) and a batch of ten keeps 84 MB of cache, more than the third-level cache holds, so that reading C(x) and C(y) is
what costs; layer norms, GELU and softmax, which both kinds of step run in full, do the rest. At the sizes of DiT-XL/2 the calibrated linear is within a tenth.

Tried on Node 20, and no gain: other tiles than 4 x 8 (3 x 12, 2 x 16; 5 x 8 and 6 x 8 spill), unrolling over the depth, splats by shuffle or from
scalars, splats packed beforehand, touching C(y) and out ahead of their use, larger blocks of rows for short products. int8 on the relaxed
build is as fast as on the other: only the f32 beside it is faster.
`;
