// A run: its status and its tasks change in place. Its end loads the page again, with the output.
import { grouped, setBar, setStatus } from "./marks.js";
import { follow } from "./stream.js";

const run = document.getElementById("run").dataset;
const said = document.getElementById("said");
const SAY_MS = 10_000;
let spoken = 0;

function rowOf(task) {
  return document.querySelector(`tr[data-task="${CSS.escape(task)}"]`);
}

function changeTask(row, task) {
  setStatus(row.querySelector(".status"), task.status);
  if (!task.items) return;
  const { total, succeeded, failed } = task.items;
  const bar = row.querySelector(".bar");
  const counts = row.querySelector(".counts");
  if (bar) setBar(bar, task.items);
  if (counts) counts.textContent = `${grouped(succeeded + failed)} of ${total === null ? "?" : grouped(total)}`;
  row.querySelector(".failures").textContent = failed ? `${grouped(failed)} failed` : "";
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
    else return location.reload();
    if (task.items?.total > 1) say(`${task.items.succeeded + task.items.failed} of ${task.items.total} items of ${name} ended`);
  }
  // Other buttons belong to another status.
  if (before !== shown.lastElementChild.textContent) location.reload();
}

if (run.ended !== "true") {
  follow(`/api/v1/runs/${encodeURIComponent(run.run)}/stream`, {
    hello: take,
    changes: take,
    ended: () => location.reload(),
  });
}
