/** What runs in the thread: the model is loaded once, and every task is an image. */
import { EMBEDDED_MODEL, Pipeline } from 'incache';
import { move } from 'piscina';

const pipeline = await Pipeline.load(EMBEDDED_MODEL);

/** A PNG, which is given to the main thread and not copied. */
export default async function draw({ label, seed }) {
  const cache = { policy: 'taylorseer', period: 2 };
  const { images } = await pipeline.generate({ labels: [label], seed, steps: 20, cache });
  return move(images[0].toPng().slice());
}
