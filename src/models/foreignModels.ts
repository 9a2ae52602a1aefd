/** What a file holds instead of a DiT, told by the names of its tensors. */

/** Transformers that share names with a DiT. */
const TRANSFORMERS: readonly (readonly [tensor: RegExp, what: string])[] = [
  [/^(single_transformer_blocks|single_blocks)\.\d+\./, 'Flux'],
  [/^(context_embedder\.weight|joint_blocks\.)/, 'Stable Diffusion 3'],
];

const OTHERS: readonly (readonly [tensor: RegExp, what: string])[] = [
  [/(^|\.)(diffusion_model\.input_blocks|down_blocks\.\d+\.attentions)\./, 'a U-Net'],
  [
    /(^|\.)decoder\.(up_blocks|up|mid_block|mid)\./,
    'an autoencoder, which option vae (--vae on the command line) takes',
  ],
  [/(^|\.)(text_model|encoder\.block)\./, 'a text encoder'],
];

/** The kind of transformer, for a sentence. `names`: without what training code puts before them. */
export function foreignTransformer(names: readonly string[]): string | undefined {
  return TRANSFORMERS.find(([tensor]) => names.some((name) => tensor.test(name)))?.[1];
}

/** What is in a file that has no tensor by which a DiT is known, for a sentence; undefined where nothing tells. */
export function foreignModel(names: readonly string[]): string | undefined {
  return OTHERS.find(([tensor]) => names.some((name) => tensor.test(name)))?.[1];
}
