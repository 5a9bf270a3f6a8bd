// The map of a task's items: a canvas, its keys and its tip. The table has the same for those who cannot see it.
import { Cells } from "./cells.js";
import { grouped } from "./marks.js";
import { KINDS, Painter, planFor } from "./pixels.js";

const MOST_SINGLE = 4000;
const NOTE = "the more of its place a mark fills, the more it needs you";

function colourOf(context, style, name) {
  context.fillStyle = style.getPropertyValue(`--${name}`).trim();
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(context.fillStyle.slice(at, at + 2), 16));
  return ((0xff << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}

export class ItemMap {
  // `changed` is called after the items have changed.
  constructor(element, path, changed) {
    this.element = element;
    this.box = element.querySelector("#marks");
    this.canvas = this.box.querySelector("canvas");
    this.context = this.canvas.getContext("2d");
    this.tip = element.querySelector("#tip");
    this.notify = changed;
    this.shown = KINDS.indexOf(element.dataset.state);
    this.item = element.dataset.item === undefined ? -1 : Number(element.dataset.item);
    this.cursor = Math.max(this.item, 0);
    this.group = null;
    this.zoom = 0;
    this.first = 0;
    this.cells = new Cells(path, Number(element.dataset.total), (indexes) => this.change(indexes));
    element.hidden = false;
    this.ring = element.appendChild(document.createElement("i"));
    this.ring.className = "ring";
    this.chosen = element.appendChild(document.createElement("i"));
    this.chosen.className = "ring chosen";
    new ResizeObserver(() => this.fit()).observe(this.box);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    this.listen();
    this.cells.load();
    if (element.dataset.group) this.loadGroup(element.dataset.group);
  }

  // Light the items of a group of failures.
  async loadGroup(path) {
    try {
      const answer = await fetch(path);
      if (!answer.ok) return;
      const ranges = (await answer.json()).items[document.getElementById("overview").dataset.task] ?? [];
      this.group = new Uint8Array(Math.max(this.cells.total, (ranges.at(-1)?.[1] ?? -1) + 1));
      for (const [first, last] of ranges) this.group.fill(1, first, last + 1);
      this.draw();
    } catch {
      // All items are lit, and the table has those of the group.
    }
  }

  fit() {
    if (this.box.clientWidth !== this.width) this.draw();
  }

  // Paint all marks.
  draw() {
    if (!this.box.clientWidth) return; // it is not shown yet
    performance.clearMeasures("map");
    const began = performance.now();
    const style = getComputedStyle(this.element);
    this.width = this.box.clientWidth;
    this.ratio = devicePixelRatio || 1;
    this.plan = planFor(this.cells.total, this.width, this.zoom);
    const colours = { ground: colourOf(this.context, style, "card") };
    for (const name of KINDS) colours[name] = colourOf(this.context, style, name === "skipped" ? "edge" : name);
    this.painter = new Painter(this.plan, this.ratio, colours, this.shown, this.group);
    this.items = 2 ** this.plan.bucket;
    this.marks = Math.min(Math.ceil(this.cells.total / this.items), this.plan.most);
    const farthest = Math.max(0, this.cells.total - this.marks * this.items);
    this.first = Math.min(Math.max(Math.floor(this.first / this.items) * this.items, 0), Math.ceil(farthest / this.items) * this.items);
    const { width, height } = this.painter.room(this.marks);
    this.canvas.width = width;
    this.canvas.height = height;
    this.canvas.style.width = `${width / this.ratio}px`;
    this.canvas.style.height = `${height / this.ratio}px`;
    this.image = this.context.createImageData(width, height);
    this.pixels = new Uint32Array(this.image.data.buffer);
    this.pixels.fill(this.painter.ground);
    this.known = this.cells.total;
    this.paint();
    this.showPlace();
    performance.measure("map", { start: began });
  }

  // Paint all marks at their places.
  paint() {
    this.painter.paint(this.pixels, this.canvas.width, this.cells.bytes, this.first, 0, this.marks);
    this.context.putImageData(this.image, 0, 0);
  }

  // Paint the marks of some items again, or all of them. Only more items change their places.
  change(indexes) {
    if (!this.painter || this.cells.total > this.known) this.draw();
    else if (indexes === null || indexes.length > MOST_SINGLE) this.paint();
    else if (indexes.length) {
      performance.clearMeasures("map-changes");
      const began = performance.now();
      let [top, bottom] = [Infinity, -1];
      for (const index of indexes) {
        const mark = this.markOf(index);
        if (mark < 0) continue;
        this.painter.paint(this.pixels, this.canvas.width, this.cells.bytes, this.first, mark, mark + 1);
        const row = Math.floor(mark / this.plan.columns);
        [top, bottom] = [Math.min(top, row), Math.max(bottom, row)];
      }
      const size = this.painter.size;
      if (bottom >= 0) this.context.putImageData(this.image, 0, 0, 0, top * size, this.canvas.width, (bottom - top + 1) * size);
      performance.measure("map-changes", { start: began });
    }
    this.notify();
  }

  markOf(index) {
    const mark = Math.floor((index - this.first) / this.items);
    return mark >= 0 && mark < this.marks ? mark : -1;
  }

  place(ring, index) {
    const mark = index < 0 || index >= this.cells.total ? -1 : this.markOf(index);
    ring.hidden = mark < 0;
    if (mark < 0) return null;
    const { pitch, columns } = this.plan;
    const [x, y] = [(mark % columns) * pitch, Math.floor(mark / columns) * pitch];
    ring.style.width = ring.style.height = `${pitch + 6}px`;
    ring.style.translate = `${x - 3}px ${y - 3}px`;
    return [x, y];
  }

  showPlace() {
    this.place(this.chosen, this.item);
    this.ring.hidden = true;
    this.tip.hidden = true;
    const last = Math.min(this.first + this.marks * this.items, this.cells.total) - 1;
    this.element.querySelector("#scale-first").textContent = `item ${grouped(this.first)}`;
    this.element.querySelector("#scale-last").textContent = `item ${grouped(Math.max(last, 0))}`;
    const many = `each mark is ${grouped(this.items)} items: the worst, and how many of them`;
    this.element.querySelector("#scale-note").textContent = this.items > 1 ? many : NOTE;
  }

  showTip(index) {
    const at = this.place(this.ring, index);
    this.tip.hidden = at === null;
    if (at === null) return;
    const from = this.first + this.markOf(index) * this.items;
    this.tip.textContent = this.items === 1 ? this.cells.describe(index) : this.describeBucket(from);
    const left = Math.max(0, Math.min(at[0] - 20, this.width - this.tip.offsetWidth));
    this.tip.style.translate = `${left}px ${at[1] > 34 ? at[1] - 34 : at[1] + this.plan.pitch + 8}px`;
  }

  describeBucket(from) {
    const end = Math.min(from + this.items, this.cells.total);
    const counts = new Map();
    for (let index = from; index < end; index++) {
      const name = KINDS[this.cells.kind(index)];
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    return `${from} to ${end - 1} · ${[...counts].map(([name, count]) => `${count} ${name}`).join(", ")}`;
  }

  move(index) {
    this.cursor = Math.min(Math.max(index, 0), this.cells.total - 1);
    if (this.markOf(this.cursor) < 0) {
      this.first = this.cursor - Math.floor((this.marks * this.items) / 2);
      this.draw();
    }
    this.showTip(this.cursor);
    document.getElementById("said").textContent = this.tip.textContent;
  }

  enlarge(step) {
    this.zoom = Math.min(Math.max(this.zoom + step, 0), planFor(this.cells.total, this.width).bucket);
    const { bucket, most } = planFor(this.cells.total, this.width, this.zoom);
    this.first = this.cursor - Math.floor((most * 2 ** bucket) / 2);
    this.draw();
    this.showTip(this.cursor);
  }

  open(index) {
    const url = new URL(location.href);
    url.searchParams.set("task", document.getElementById("overview").dataset.task);
    url.searchParams.set("item", index);
    location.assign(url);
  }

  indexAt(event) {
    const box = this.canvas.getBoundingClientRect();
    const [column, row] = [event.clientX - box.left, event.clientY - box.top].map((at) => Math.floor(at / this.plan.pitch));
    const index = this.first + (row * this.plan.columns + column) * this.items;
    return column >= 0 && column < this.plan.columns && row >= 0 && index < this.cells.total ? index : -1;
  }

  listen() {
    this.canvas.addEventListener("pointermove", (event) => this.showTip(this.indexAt(event)));
    this.canvas.addEventListener("pointerleave", () => this.showTip(-1));
    this.canvas.addEventListener("click", (event) => {
      const index = this.indexAt(event);
      if (index < 0) return;
      this.cursor = index;
      if (this.items === 1) this.open(index);
      else this.enlarge(1);
    });
    this.box.addEventListener("wheel", (event) => {
      if (!event.ctrlKey || !this.isLarge) return;
      event.preventDefault();
      const index = this.indexAt(event);
      if (index >= 0) this.cursor = index;
      this.enlarge(event.deltaY < 0 ? 1 : -1);
    }, { passive: false });
    this.box.addEventListener("keydown", (event) => this.press(event));
    this.box.addEventListener("blur", () => this.showTip(-1));
  }

  get isLarge() {
    return planFor(this.cells.total, this.width).bucket > 0;
  }

  press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const row = this.plan.columns * this.items;
    const steps = { ArrowLeft: -this.items, ArrowRight: this.items, ArrowUp: -row, ArrowDown: row, PageUp: -10 * row, PageDown: 10 * row };
    const { key } = event;
    if (steps[key]) this.move(this.cursor + steps[key]);
    else if (key === "Home") this.move(0);
    else if (key === "End") this.move(this.cells.total - 1);
    else if (key === "Enter" && this.items > 1) this.enlarge(1);
    else if (key === "Enter") this.open(this.cursor);
    else if (key === "f") {
      const failed = this.cells.next(KINDS.indexOf("failed"), this.cursor);
      if (failed >= 0) this.move(failed);
    } else if (key === "+" || key === "=") this.enlarge(1);
    else if (key === "-") this.enlarge(-1);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
