// The head of each page of a run: its status, title and buttons change with the one stream of the tab.
import { useCancelDialog } from "./cancelling.js";
import { grouped, setStatus, setText, shapeOf } from "./marks.js";
import { follow } from "./stream.js";

const run = document.getElementById("run").dataset;
const progress = new Map();
const items = document.querySelector("[data-count=items]");
const entries = document.querySelector("[data-count=history]");
const icon = document.querySelector("link[rel=icon]");

export const runPath = `/api/v1/runs/${encodeURIComponent(run.run)}`;

// The title begins with how far all items are, as the server makes it.
function showProgress(tasks) {
  for (const [name, task] of Object.entries(tasks)) if (task.items) progress.set(name, task.items);
  let [ended, total] = [0, 0];
  for (const counts of progress.values()) {
    ended += counts.succeeded + counts.failed;
    total += counts.total ?? 0;
  }
  if (total && items) setText(items, grouped(total));
  const title = document.title.replace(/^\d+ %/, `${Math.floor((100 * ended) / (total || 1))} %`);
  if (total && title !== document.title) document.title = title;
}

function showStatus(status) {
  setStatus(document.querySelector("#status .status"), status);
  const href = icon.href.replace(/\w+\.svg$/, `${shapeOf(status)}.svg`);
  if (href !== icon.href) icon.href = href; // which is fetched
  for (const act of document.querySelectorAll("[data-when]")) act.hidden = !act.dataset.when.split(" ").includes(status);
}

function take({ status, entry, tasks = {} }) {
  showStatus(status);
  if (entries && Number.isInteger(entry)) entries.textContent = grouped(entry + 1);
  showProgress(tasks);
}

// Follow the run, unless it has ended: the head changes, then the page's own listeners are called.
export function followRun(listeners = {}) {
  useCancelDialog(runPath);
  if (run.ended === "true") return;
  const both = (name) => (data) => {
    take(data);
    listeners[name]?.(data);
  };
  const close = follow(`${runPath}/stream`, {
    ...listeners,
    hello: both("hello"),
    changes: both("changes"),
    ended: (data) => {
      close();
      both("ended")(data);
      document.getElementById("live").hidden = true;
    },
  });
}
