/** WebGPU of the browser. */

/** Where the browser is asked for adapters; a string says why there is none. */
export async function findGpu(): Promise<object | string> {
  const { gpu } = navigator as { gpu?: object };
  return gpu ?? 'this browser has no WebGPU, or the page is not served over HTTPS';
}
