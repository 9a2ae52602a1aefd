/** x: images x (channel, row, column) -> out: tokens x (channel, p, q). A tile of work is a row of an image's tokens. */
import { copyFloats } from './floats';

/** The geometry of the token grid. `image` and `tokens` are x and out here, and out and x in `unpatchify`. */
@unmanaged
export class PatchArguments {
  image: usize;
  imageStride: usize;
  tokens: usize;
  tokensStride: usize;
  channels: i32;
  height: i32;
  width: i32;
  patch: i32;
}

export function patchify(a: PatchArguments, tile: i32): void {
  const down = a.height / a.patch;
  const across = a.width / a.patch;
  const image = a.image + <usize>(tile / down) * a.imageStride;
  const top = (tile % down) * a.patch;
  for (let token = 0; token < across; token++) {
    let target = a.tokens + <usize>(tile * across + token) * a.tokensStride;
    for (let channel = 0; channel < a.channels; channel++) {
      for (let p = 0; p < a.patch; p++) {
        const pixel = (channel * a.height + top + p) * a.width + token * a.patch;
        copyFloats(target, image + ((<usize>pixel) << 2), a.patch);
        target += (<usize>a.patch) << 2;
      }
    }
  }
}
