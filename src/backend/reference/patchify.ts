import { get, set } from './matrix.js';
import type { Operands } from './operands.js';

export function patchify({ x, channels, height, width, patch, out }: Operands<'patchify'>): void {
  const across = width / patch;
  const perImage = (height / patch) * across;
  for (let token = 0; token < out.rows; token++) {
    const image = Math.floor(token / perImage);
    const top = Math.floor((token % perImage) / across) * patch;
    const left = (token % across) * patch;
    for (let c = 0; c < channels; c++)
      for (let p = 0; p < patch; p++)
        for (let q = 0; q < patch; q++)
          set(
            out,
            token,
            (c * patch + p) * patch + q,
            get(x, image, (c * height + top + p) * width + left + q),
          );
  }
}
