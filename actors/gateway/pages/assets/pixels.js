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

// `colours` has a number 0xAABBGGRR for each kind, and `ground`. Dimmed are marks of other kinds than `shown` (-1 for
// none), or, where `chosen` has a byte for each item, those whose byte is 0.
export class Painter {
  constructor(plan, ratio, colours, shown = -1, chosen = null) {
    this.plan = plan;
    this.size = Math.round(plan.pitch * ratio);
    this.ground = colours.ground;
    this.shown = shown;
    this.chosen = chosen;
    this.lit = KINDS.map((name) => colours[name]);
    this.dimmed = this.lit.map((colour) => blended(colour, colours.ground, DIMMED));
    const shapes = KINDS.map((_, kind) => shape(kind, this.size));
    const stamps = (of) => shapes.map((inside, kind) => Uint32Array.from(inside, (is) => (is ? of[kind] : this.ground)));
    [this.litStamps, this.dimmedStamps] = [stamps(this.lit), stamps(this.dimmed)];
    this.buckets = new Map();
    this.counts = new Uint32Array(KINDS.length);
    this.litCounts = new Uint32Array(KINDS.length);
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
      const stamp = bucket ? this.bucketStamp(cells, first + mark * 2 ** bucket) : this.stamp(cells, first + mark);
      let at = Math.floor(mark / columns) * size * width + (mark % columns) * size;
      for (let y = 0, of = 0; y < size; y++, at += width - size) for (let x = 0; x < size; x++) pixels[at++] = stamp[of++];
    }
  }

  isLit(kind, index) {
    if (this.chosen) return this.chosen[index] === 1;
    return this.shown < 0 || kind === this.shown;
  }

  stamp(cells, index) {
    const kind = KIND_OF[cells[index] & STATE_BITS];
    return (this.isLit(kind, index) ? this.litStamps : this.dimmedStamps)[kind];
  }

  countChosen(cells, start, end) {
    this.litCounts.fill(0);
    for (let index = start; index < end; index++) if (this.chosen[index]) this.litCounts[KIND_OF[cells[index] & STATE_BITS]]++;
    return this.litCounts;
  }

  countShown() {
    if (this.shown < 0) return this.counts;
    this.litCounts.fill(0);
    this.litCounts[this.shown] = this.counts[this.shown];
    return this.litCounts;
  }

  // The worst kind of those that are lit, else of all, as high as its share, on the kind that most of them have.
  bucketStamp(cells, start) {
    const end = Math.min(start + 2 ** this.plan.bucket, cells.length);
    const { counts } = this;
    counts.fill(0);
    for (let index = start; index < end; index++) counts[KIND_OF[cells[index] & STATE_BITS]]++;
    const lit = this.chosen ? this.countChosen(cells, start, end) : this.countShown();
    const isLit = lit === counts || lit.some((count) => count);
    const of = isLit ? lit : counts;
    let at = 0;
    while (!of[URGENCY[at]] && at < URGENCY.length - 1) at++;
    const worst = URGENCY[at];
    let common = 0;
    for (let kind = 1; kind < counts.length; kind++) if (counts[kind] > counts[common]) common = kind;
    const rows = Math.max(1, Math.round((this.size * of[worst]) / (end - start)));
    const key = ((worst * 8 + common) * 256 + rows) * 4 + (isLit ? 2 : 0) + (lit[common] ? 1 : 0);
    let stamp = this.buckets.get(key);
    if (!stamp) {
      stamp = (lit[common] ? this.litStamps : this.dimmedStamps)[common].slice();
      if (worst !== common) stamp.fill((isLit ? this.lit : this.dimmed)[worst], (this.size - rows) * this.size);
      this.buckets.set(key, stamp);
    }
    return stamp;
  }
}
