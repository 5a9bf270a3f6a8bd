// A run: its status and its tasks change in place. Its end loads the page again, with the output.
import { grouped, setBar, setStatus } from "./marks.js";
import { follow } from "./stream.js";

const run = document.getElementById("run").dataset;
const said = document.getElementById("said");
const SAY_MS = 10_000;
const RELOAD_MS = 1000;
const progress = new Map();
let spoken = 0;

// At most once a second, whatever the stream says.
function reload() {
  setTimeout(() => location.reload(), Math.max(0, RELOAD_MS - performance.now()));
}

function rowOf(task) {
  return document.querySelector(`tr[data-task="${CSS.escape(task)}"]`);
}

function changeTask(row, task) {
  setStatus(row.querySelector(".status"), task.status);
  if (!task.items) return;
  progress.set(row.dataset.task, task.items);
  const { total, succeeded, failed } = task.items;
  row.querySelector(".known").hidden = !task.visits;
  const bar = row.querySelector(".bar");
  const counts = row.querySelector(".counts");
  if (bar) setBar(bar, task.items);
  if (counts) counts.textContent = `${grouped(succeeded + failed)} of ${total === null ? "?" : grouped(total)}`;
  row.querySelector(".failures").textContent = failed ? `${grouped(failed)} failed` : "";
}

// The title begins with how far all of its items are, as the server makes it.
function showProgress() {
  let [ended, total] = [0, 0];
  for (const items of progress.values()) {
    ended += items.succeeded + items.failed;
    total += items.total ?? 0;
  }
  if (total) document.title = document.title.replace(/^\d+ %/, `${Math.floor((100 * ended) / total)} %`);
}

function say(text) {
  if (Date.now() - spoken < SAY_MS) return;
  spoken = Date.now();
  said.textContent = text;
}

function take({ status, tasks = {} }) {
  const shown = document.querySelector("#status .status");
  const before = shown.lastElementChild.textContent;
  setStatus(shown, status);
  for (const [name, task] of Object.entries(tasks)) {
    const row = rowOf(name);
    if (row) changeTask(row, task);
    else return reload();
    if (task.items?.total > 1) say(`${task.items.succeeded + task.items.failed} of ${task.items.total} items of ${name} ended`);
  }
  showProgress();
  // Other buttons belong to another status.
  if (before !== shown.lastElementChild.textContent) reload();
}

if (run.ended !== "true") {
  follow(`/api/v1/runs/${encodeURIComponent(run.run)}/stream`, {
    hello: take,
    changes: take,
    ended: () => reload(),
  });
}
