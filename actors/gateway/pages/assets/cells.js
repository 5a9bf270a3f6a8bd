// The states and attempts of a task's items, a byte each: fetched as a whole, and changed by the frames of the stream.
import { KIND_OF, KINDS } from "./pixels.js";

const CODES = {
  waiting: 0, running: 1, retrying: 2, succeeded: 3, failed: 4, timed_out: 5, cancelled: 6, abandoned: 7, skipped: 8,
};
export const WORDS = ["waiting", "running", "to retry", "succeeded", "failed", "timed out", "cancelled", "abandoned", "skipped"];
const MOST_ATTEMPTS = 15;
const MANY_MS = 1000;

export class Cells {
  // `changed` is called with the indexes that have changed, or null for all of them.
  constructor(path, total, changed) {
    this.path = path;
    this.total = total;
    this.bytes = new Uint8Array(total);
    this.codes = new Uint32Array(16); // how many items have each of them
    this.codes[CODES.waiting] = total;
    this.visit = null;
    this.changed = changed;
    this.waiting = null;
    this.fetchedAt = 0;
  }

  async load() {
    if (this.waiting) return;
    this.waiting = [];
    const frames = this.waiting;
    try {
      // Without a store there is no path: the frames of the stream have all that is known.
      const answer = await (this.path && fetch(this.path));
      if (!answer?.ok) return;
      const [visit, entry] = (answer.headers.get("etag") ?? "").replaceAll('"', "").split(".").map(Number);
      this.take(new Uint8Array(await answer.arrayBuffer()));
      this.visit = visit;
      for (const frame of frames) if (frame.entry > entry) this.apply(frame.ranges);
    } catch {
      // The line above the page says that the connection is lost. The next frame asks again.
    } finally {
      this.waiting = null;
      this.fetchedAt = performance.now();
      this.changed(null);
    }
  }

  take(bytes) {
    if (bytes.length < this.total) {
      this.bytes = new Uint8Array(this.total);
      this.bytes.set(bytes);
    } else this.bytes = bytes;
    this.total = this.bytes.length;
    this.count();
  }

  count() {
    this.codes = new Uint32Array(16);
    for (const byte of this.bytes) this.codes[byte & 15]++;
  }

  // Take the part of a frame that is about these items: ranges by state, or "many".
  news(ranges, entry, isWhole) {
    if (ranges === "many") {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.load(), Math.max(0, this.fetchedAt + MANY_MS - performance.now()));
    } else if (this.waiting) this.waiting.push({ ranges, entry });
    else {
      if (isWhole) {
        for (let index = 0; index < this.bytes.length; index++) this.bytes[index] &= 0xf0;
        this.count();
      }
      const indexes = this.apply(ranges);
      this.changed(isWhole ? null : indexes);
    }
  }

  apply(ranges) {
    const indexes = [];
    for (const [name, members] of Object.entries(ranges)) {
      const code = CODES[name];
      for (const each of members) {
        const [first, last] = typeof each === "number" ? [each, each] : each;
        if (last >= this.total) this.grow(last + 1);
        for (let index = first; index <= last; index++) {
          this.set(index, code);
          indexes.push(index);
        }
      }
    }
    return indexes;
  }

  grow(total) {
    const bytes = new Uint8Array(total);
    bytes.set(this.bytes);
    this.codes[CODES.waiting] += total - this.total;
    this.bytes = bytes;
    this.total = total;
  }

  set(index, code) {
    const before = this.bytes[index] & 15;
    let attempts = this.bytes[index] >> 4;
    const begins = code === CODES.running && before !== code;
    if (begins || (!attempts && code >= CODES.retrying && code <= CODES.abandoned)) attempts = Math.min(attempts + 1, MOST_ATTEMPTS);
    this.codes[before]--;
    this.codes[code]++;
    this.bytes[index] = (attempts << 4) | code;
  }

  counts() {
    const counts = Object.fromEntries(KINDS.map((name) => [name, 0]));
    this.codes.forEach((count, code) => (counts[KINDS[KIND_OF[code]]] += count));
    return counts;
  }

  kind(index) {
    return KIND_OF[this.bytes[index] & 15];
  }

  describe(index) {
    const attempts = this.bytes[index] >> 4;
    const many = attempts === MOST_ATTEMPTS ? `${attempts} or more` : attempts;
    return `${index} · ${WORDS[this.bytes[index] & 15]}${attempts > 1 ? ` · ${many} attempts` : ""}`;
  }

  // The next item of a kind behind one, then from the beginning, or -1.
  next(kind, index) {
    for (let step = 1; step <= this.total; step++) {
      const at = (index + step) % this.total;
      if (this.kind(at) === kind) return at;
    }
    return -1;
  }
}
