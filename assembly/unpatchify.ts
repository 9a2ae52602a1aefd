/** x: tokens x (p, q, channel) -> out: images x (channel, row, column). A tile of work is a row of an image's tokens. */
import { PatchArguments } from './patchify';

export function unpatchify(a: PatchArguments, tile: i32): void {
  const down = a.height / a.patch;
  const across = a.width / a.patch;
  const image = a.image + <usize>(tile / down) * a.imageStride;
  const top = (tile % down) * a.patch;
  for (let token = 0; token < across; token++) {
    let source = a.tokens + <usize>(tile * across + token) * a.tokensStride;
    for (let p = 0; p < a.patch; p++) {
      for (let q = 0; q < a.patch; q++) {
        for (let channel = 0; channel < a.channels; channel++) {
          const pixel = (channel * a.height + top + p) * a.width + token * a.patch + q;
          store<f32>(image + ((<usize>pixel) << 2), load<f32>(source));
          source += 4;
        }
      }
    }
  }
}
