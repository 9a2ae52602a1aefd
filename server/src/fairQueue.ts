/** What waits, by user: users are served in turn, so that one who asks for much keeps nobody else waiting long. */

export interface Queued {
  readonly user: string;
  /** Items of equal keys may be taken together. */
  readonly key: string;
}

export class FairQueue<T extends Queued> {
  /** The first user is next. */
  readonly #users = new Map<string, T[]>();
  #length = 0;

  get length(): number {
    return this.#length;
  }

  lengthOf(user: string): number {
    return this.#users.get(user)?.length ?? 0;
  }

  add(item: T): void {
    const items = this.#users.get(item.user);
    if (items) items.push(item);
    else this.#users.set(item.user, [item]);
    this.#length++;
  }

  /** Takes out the items that `isMeant` says; returns them. */
  remove(isMeant: (item: T) => boolean): T[] {
    const removed: T[] = [];
    for (const [user, items] of this.#users) {
      const kept = items.filter((item) => !isMeant(item));
      removed.push(...items.filter(isMeant));
      this.#set(user, kept);
    }
    this.#length -= removed.length;
    return removed;
  }

  /** How many items could be taken together now. */
  get ready(): number {
    const head = this.#head();
    if (!head) return 0;
    let count = 0;
    for (const items of this.#users.values()) for (const { key } of items) if (key === head.key) count++;
    return count;
  }

  /**
   * Takes up to `most(head)` items of one key: that of the oldest item of the user whose turn it is. One item a user in turn, until
   * there are enough or no more. Whoever was given something goes to the end of the row.
   */
  take(most: (head: T, ready: number) => number): T[] {
    const head = this.#head();
    if (!head) return [];
    const wanted = most(head, this.ready);
    const taken: T[] = [];
    const served = new Set<string>();
    for (let found = true; found && taken.length < wanted; ) {
      found = false;
      for (const [user, items] of this.#users) {
        if (taken.length === wanted) break;
        const place = items.findIndex(({ key }) => key === head.key);
        if (place < 0) continue;
        taken.push(...items.splice(place, 1));
        served.add(user);
        found = true;
      }
    }
    this.#length -= taken.length;
    for (const user of served) {
      const rest = this.#users.get(user)!;
      this.#users.delete(user);
      this.#set(user, rest);
    }
    return taken;
  }

  #head(): T | undefined {
    const [items] = this.#users.values();
    return items?.[0];
  }

  /** A user who waits for nothing is forgotten. */
  #set(user: string, items: T[]): void {
    if (items.length > 0) this.#users.set(user, items);
    else this.#users.delete(user);
  }
}
