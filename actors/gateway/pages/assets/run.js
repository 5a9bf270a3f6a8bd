// The overview of a run: its tasks, the map of items, the numbers and the failures follow the run's stream.
import { loadFailures, showFailures } from "./failures.js";
import { showFigures } from "./figures.js";
import { showTasks, useGraph } from "./graph.js";
import { ItemMap } from "./map.js";
import { grouped, setStatus, setText, shapeOf } from "./marks.js";
import { usePanel } from "./panel.js";
import { followRun, runPath } from "./run_head.js";

const { task, chosen } = document.getElementById("overview").dataset;
const said = document.getElementById("said");
const SAY_MS = 10_000;
const RELOAD_MS = 1000;
const ENDED = ["succeeded", "failed", "timed_out", "abandoned", "cancelled", "skipped"];
// Of these, the server shows another task as soon as one runs.
const CALM = ["not_started", "succeeded", "skipped"];
const reports = new Map();
let spoken = 0;

// At most once a second, whatever the stream says.
function reload() {
  setTimeout(() => location.reload(), Math.max(0, RELOAD_MS - performance.now()));
}

function showCounts() {
  const counts = map.cells.counts();
  for (const chip of document.querySelectorAll("#filters [data-state]")) {
    const count = counts[chip.dataset.state];
    setText(chip.querySelector("b"), grouped(count));
    chip.hidden = !count && !chip.hasAttribute("aria-current");
  }
}

function showTask(name, report) {
  const row = document.querySelector(`#tasks [data-task="${CSS.escape(name)}"]`);
  if (!row) return;
  setStatus(row.querySelector(".status"), report.status);
  const { total, succeeded, failed } = report.items;
  if (total !== 1 && report.visits) setText(row.querySelector(".counts"), `${grouped(succeeded + failed)} of ${total === null ? "?" : grouped(total)}`);
}

function say(text) {
  if (Date.now() - spoken < SAY_MS) return;
  spoken = Date.now();
  said.textContent = text;
}

// Another task asks for attention, or the page has no place for what there is now.
function isOutdated(name, report) {
  if (name === task) return isNew(document.querySelector("#overview .focus"), report);
  const isCalm = CALM.includes(reports.get(task)?.status);
  return chosen === "false" && isCalm && report.status === "running" && report.items.total !== 1;
}

function isNew(focus, report) {
  const status = focus.querySelector(".taskline .status");
  const began = focus.dataset.begun === "false" && report.visits > 0;
  const one = focus.dataset.fanOut === "false" && ENDED.includes(report.status) && !status.classList.contains(shapeOf(report.status));
  setStatus(status, report.status);
  return began || one || (map !== null && map.cells.visit !== null && map.cells.visit !== report.visits);
}

// The buttons of the task, by its status and that of the run.
function showTaskActs(runStatus) {
  const status = reports.get(task)?.status;
  if (!status || !runStatus) return;
  for (const act of document.querySelectorAll("#task-acts [data-of-task]")) {
    act.hidden = !(act.dataset.ofTask.split(" ").includes(status) && act.dataset.ofRun.split(" ").includes(runStatus));
  }
}

function take({ status, entry, tasks = {}, items = {} }, isWhole) {
  let isOld = false;
  for (const [name, report] of Object.entries(tasks)) {
    reports.set(name, report);
    showTask(name, report);
    isOld ||= isOutdated(name, report);
  }
  if (isOld) return reload();
  showTaskActs(status);
  if (Object.keys(tasks).length) {
    showTasks(reports, tasks);
    setText(document.getElementById("ended-tasks"), grouped([...reports.values()].filter((each) => ENDED.includes(each.status)).length));
  }
  if (tasks[task]) {
    showFigures(tasks[task]);
    const { total, succeeded, failed } = tasks[task].items;
    if (total > 1) say(`${succeeded + failed} of ${total} items of ${task} ended, ${failed} failed`);
  }
  if (map && items[task]) map.cells.news(items[task], entry, isWhole);
}

const place = document.getElementById("map");
const map = place ? new ItemMap(place, `${runPath}/tasks/${encodeURIComponent(task)}/cells`, () => showCounts()) : null;
useGraph();
if (document.getElementById("run").dataset.ended === "true") loadFailures(runPath, task);
usePanel();
followRun({
  hello: (data) => take(data, true),
  changes: (data) => take(data, false),
  errors: ({ groups }) => showFailures(groups, task),
  ended: () => reload(),
});
