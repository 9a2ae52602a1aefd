import { get, set } from './matrix.js';
import type { Operands } from './operands.js';

export function unpatchify({ x, channels, height, width, patch, out }: Operands<'unpatchify'>): void {
  const across = width / patch;
  const perImage = (height / patch) * across;
  for (let token = 0; token < x.rows; token++) {
    const image = Math.floor(token / perImage);
    const top = Math.floor((token % perImage) / across) * patch;
    const left = (token % across) * patch;
    for (let p = 0; p < patch; p++)
      for (let q = 0; q < patch; q++)
        for (let c = 0; c < channels; c++)
          set(
            out,
            image,
            (c * height + top + p) * width + left + q,
            get(x, token, (p * patch + q) * channels + c),
          );
  }
}
