/** What the conformance cases use of Node's assert, in a page. */

function ok(value: unknown, message?: string): void {
  if (!value) throw new Error(message ?? 'it is not so');
}

export default {
  ok,
  equal: (a: unknown, b: unknown, message?: string) => ok(Object.is(a, b), message ?? `${a} is not ${b}`),
  fail: (message?: string) => ok(false, message),
};
