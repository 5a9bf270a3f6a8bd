// Marks of items as pixels: a stamp for each kind of mark, copied to the place of each item in one pass.
export const KINDS = ["waiting", "running", "retrying", "succeeded", "failed", "cancelled", "skipped"];
const [WAITING, RUNNING, RETRYING, SUCCEEDED, FAILED, CANCELLED, SKIPPED] = KINDS.keys();
// The kind of each code of a map: of the codes of the API, three have failed.
export const KIND_OF = Uint8Array.of(WAITING, RUNNING, RETRYING, SUCCEEDED, FAILED, FAILED, CANCELLED, FAILED, SKIPPED, 0, 0, 0, 0, 0, 0, 0);
// What a bucket shows: the kind that needs the reader most.
const URGENCY = [FAILED, RETRYING, RUNNING, CANCELLED, WAITING, SUCCEEDED, SKIPPED];
const STATE_BITS = 15;
const MOST_MARKS = 60_000;
const TALLEST = 1600;
const DIMMED = 0.28;

// How items are laid out: the place of a mark in pixels, marks a row, and items a mark (2^k).
export function planFor(items, width, zoom = 0) {
  for (const [pitch, most] of [[12, 2000], [6, 20_000], [4, MOST_MARKS]]) {
    const columns = Math.max(1, Math.floor(width / pitch));
    if (items <= most && Math.ceil(items / columns) * pitch <= TALLEST) return { pitch, columns, bucket: 0, most: items };
  }
  const columns = Math.max(1, Math.floor(width / 4));
  const most = Math.min(MOST_MARKS, columns * Math.floor(TALLEST / 4));
  const bucket = Math.max(0, Math.ceil(Math.log2(Math.max(items, 1) / most)) - zoom);
  return { pitch: 4, columns, bucket, most };
}

function shape(kind, size) {
  const inside = new Uint8Array(size * size);
  const inset = Math.round(size / 6) || (size > 2 ? 1 : 0);
  const stroke = Math.max(1, Math.round(size / 6));
  const fill = (from, to, rows = [from, to]) => {
    for (let y = rows[0]; y < rows[1]; y++) for (let x = from; x < to; x++) inside[y * size + x] = 1;
  };
  const hollow = (from, to, width) => {
    fill(from, to);
    for (let y = from + width; y < to - width; y++) for (let x = from + width; x < to - width; x++) inside[y * size + x] = 0;
  };
  const middle = (part) => {
    const length = Math.max(1, Math.round(size * part));
    const from = Math.floor((size - length) / 2);
    return [from, from + length];
  };
  if (kind === WAITING) fill(...middle(1 / 3));
  else if (kind === RUNNING) hollow(inset, size - inset, stroke);
  else if (kind === SUCCEEDED) fill(inset, size - inset);
  else if (kind === FAILED) fill(0, size);
  else if (kind === CANCELLED) fill(0, size - 1, middle(1 / 5));
  else if (kind === SKIPPED) hollow(...middle(1 / 2), 1);
  else for (let y = 0; y < size; y++) for (let x = 0; x <= y; x++) inside[y * size + x] = 1;
  return inside;
}

function blended(colour, ground, part) {
  const channel = (shift) => Math.round(((colour >> shift) & 255) * part + ((ground >> shift) & 255) * (1 - part));
  return (0xff << 24) | (channel(16) << 16) | (channel(8) << 8) | channel(0);
}

// `colours` has a number 0xAABBGGRR for each kind, and `ground`. `shown` is the kind that is not dimmed, or -1.
export class Painter {
  constructor(plan, ratio, colours, shown = -1) {
    this.plan = plan;
    this.size = Math.round(plan.pitch * ratio);
    this.ground = colours.ground;
    this.shown = shown;
    this.shapes = KINDS.map((_, kind) => shape(kind, this.size));
    this.colours = KINDS.map((name, kind) => (shown < 0 || kind === shown ? colours[name] : blended(colours[name], colours.ground, DIMMED)));
    this.stamps = this.shapes.map((inside, kind) => Uint32Array.from(inside, (is) => (is ? this.colours[kind] : this.ground)));
    this.buckets = new Map();
  }

  // The pixels of a canvas for so many marks.
  room(marks) {
    const rows = Math.max(1, Math.ceil(marks / this.plan.columns));
    return { width: this.plan.columns * this.size, height: rows * this.size };
  }

  // Paint marks [from, to) of items that begin at `first`.
  paint(pixels, width, cells, first, from, to) {
    const { columns, bucket } = this.plan;
    const size = this.size;
    for (let mark = from; mark < to; mark++) {
      const stamp = bucket ? this.bucketStamp(cells, first + mark * 2 ** bucket) : this.stamps[KIND_OF[cells[first + mark] & STATE_BITS]];
      let at = Math.floor(mark / columns) * size * width + (mark % columns) * size;
      for (let y = 0, of = 0; y < size; y++, at += width - size) for (let x = 0; x < size; x++) pixels[at++] = stamp[of++];
    }
  }

  bucketStamp(cells, start) {
    const end = Math.min(start + 2 ** this.plan.bucket, cells.length);
    const counts = [0, 0, 0, 0, 0, 0, 0];
    for (let index = start; index < end; index++) counts[KIND_OF[cells[index] & STATE_BITS]]++;
    const worst = this.shown >= 0 && counts[this.shown] ? this.shown : URGENCY.find((kind) => counts[kind]) ?? WAITING;
    const common = counts.indexOf(Math.max(...counts));
    if (worst === common) return this.stamps[worst];
    const rows = Math.max(1, Math.round((this.size * counts[worst]) / (end - start)));
    const key = (worst * 8 + common) * 256 + rows;
    let stamp = this.buckets.get(key);
    if (!stamp) {
      stamp = this.stamps[common].slice();
      stamp.fill(this.colours[worst], (this.size - rows) * this.size);
      this.buckets.set(key, stamp);
    }
    return stamp;
  }
}
