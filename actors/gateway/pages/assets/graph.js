// The graph: it fits its place at first, is moved and enlarged, and its nodes follow the run.
import { grouped, setBar, shapeOf, word } from "./marks.js";

const MOST = 8;
const STEP = 1.4;
const FIRST = ["failed", "timed_out", "abandoned", "cancelled"];
const LAST = ["not_started", "succeeded", "skipped"];

const rank = (status) => (FIRST.includes(status) ? FIRST.indexOf(status) : FIRST.length + (LAST.includes(status) ? 1 + LAST.indexOf(status) : 0));

// Show the tasks of a frame, given the newest report of each task. Nodes without a task of the frame stay.
export function showTasks(reports, changed) {
  const graph = document.getElementById("graph");
  if (!graph) return;
  for (const node of graph.querySelectorAll("a.node")) {
    const names = JSON.parse(node.dataset.tasks);
    if (!names.some((name) => name in changed)) continue;
    const found = names.map((name) => reports.get(name)).filter(Boolean);
    const { status, items } = found.toSorted((one, other) => rank(one.status) - rank(other.status))[0];
    const selected = node.classList.contains("selected") ? " selected" : "";
    node.setAttribute("class", `node ${shapeOf(status)}${selected}`);
    node.querySelector(".mark use").setAttribute("href", `#m-${shapeOf(status)}`);
    node.querySelector("title").textContent = `${node.dataset.node}: ${status.replaceAll("_", " ")}`;
    const bar = node.querySelector(".bar");
    const total = items.total === null ? "?" : grouped(items.total);
    if (bar) setBar(bar, items);
    if (bar && status !== "not_started") node.querySelector(".s").textContent = `${grouped(items.succeeded + items.failed)} of ${total}`;
    else if (found.length === 1) node.querySelector(".s").textContent = word(status);
    if (found.some((each) => each.visits)) {
      for (const edge of graph.querySelectorAll(`[data-to="${CSS.escape(node.dataset.node)}"]`)) edge.classList.remove("ahead");
    }
  }
}

export function useGraph() {
  const graph = document.getElementById("graph");
  const buttons = document.getElementById("zoom");
  if (!graph || !buttons) return;
  const whole = graph.viewBox.baseVal;
  const [width, height] = [whole.width, whole.height];
  let view = { x: 0, y: 0, scale: 1 };

  function show(x, y, scale) {
    const part = { width: width / scale, height: height / scale };
    view = { scale, x: Math.min(Math.max(x, 0), width - part.width), y: Math.min(Math.max(y, 0), height - part.height) };
    graph.setAttribute("viewBox", `${view.x} ${view.y} ${part.width} ${part.height}`);
    graph.classList.toggle("zoomed", scale > 1);
  }

  function pointOf(event) {
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(graph.getScreenCTM().inverse());
    return [point.x, point.y];
  }

  function zoom(factor, [x, y] = [view.x + width / view.scale / 2, view.y + height / view.scale / 2]) {
    const scale = Math.min(Math.max(view.scale * factor, 1), MOST);
    show(x - ((x - view.x) * view.scale) / scale, y - ((y - view.y) * view.scale) / scale, scale);
  }

  buttons.hidden = false;
  buttons.addEventListener("click", (event) => {
    const act = event.target.dataset.zoom;
    if (act === "0") show(0, 0, 1);
    else if (act) zoom(act === "+" ? STEP : 1 / STEP);
  });
  graph.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    zoom(event.deltaY < 0 ? STEP : 1 / STEP, pointOf(event));
  }, { passive: false });
  graph.addEventListener("keydown", (event) => {
    if (event.key === "+" || event.key === "=") zoom(STEP);
    else if (event.key === "-") zoom(1 / STEP);
    else return;
    event.preventDefault();
  });
  let held = null;
  let moved = false;
  graph.addEventListener("pointerdown", (event) => {
    if (view.scale > 1 && event.button === 0) held = pointOf(event);
    moved = false;
  });
  graph.addEventListener("pointermove", (event) => {
    if (!held) return;
    const [x, y] = pointOf(event);
    if (Math.hypot(x - held[0], y - held[1]) * view.scale > 4) moved = true;
    if (moved) show(view.x + held[0] - x, view.y + held[1] - y, view.scale);
  });
  addEventListener("pointerup", () => (held = null));
  graph.addEventListener("dragstart", (event) => event.preventDefault());
  graph.addEventListener("click", (event) => {
    if (moved) event.preventDefault();
  }, true);
}
