// A run: its status and its tasks change in place. Its end loads the page again, with the output.
import { grouped, setBar, setStatus } from "./marks.js";
import { followRun } from "./run_head.js";

const said = document.getElementById("said");
const SAY_MS = 10_000;
const RELOAD_MS = 1000;
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
  const { total, succeeded, failed } = task.items;
  row.querySelector(".known").hidden = !task.visits;
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

function take({ tasks = {} }) {
  for (const [name, task] of Object.entries(tasks)) {
    const row = rowOf(name);
    if (row) changeTask(row, task);
    else return reload();
    if (task.items?.total > 1) say(`${task.items.succeeded + task.items.failed} of ${task.items.total} items of ${name} ended`);
  }
}

followRun({ hello: take, changes: take, ended: () => reload() });
