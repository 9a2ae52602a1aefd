/** Server-sent events to one client, in bounded memory however slowly it reads. */
import { Readable } from 'node:stream';

/** Bytes that may wait for a client before events which it can do without are left out. */
const MOST_WAITING = 2 ** 16;

export class EventStream {
  /** For the body of the answer. */
  readonly body = new Readable({ read: () => {}, highWaterMark: MOST_WAITING });

  /** Begins with a comment, which clients ignore: the headers leave with the first bytes, and an event may take long. */
  constructor() {
    this.body.push(': accepted\n\n');
  }

  /** Whether the client is slow: what can be left out should be. */
  get isBehind(): boolean {
    return this.body.readableLength >= MOST_WAITING;
  }

  /** An event in the form of OpenAI's API: its type is its name and a field of its data. */
  send(type: string, data: object): void {
    if (!this.body.destroyed)
      this.body.push(`event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`);
  }

  end(): void {
    this.body.push(null);
  }
}
