// The list of runs: rows that are shown change in place, new runs gather behind one line.
import { grouped, setBar, setStatus } from "./marks.js";
import { follow } from "./stream.js";

const table = document.querySelector("table.runs");
const newer = document.getElementById("newer");
const fresh = new Set();

function rowOf(run) {
  return document.querySelector(`tr[data-run="${CSS.escape(run)}"]`);
}

function change(row, run) {
  setStatus(row.querySelector(".status"), run.status);
  const { total, succeeded, failed } = run.items;
  const bar = row.querySelector(".bar");
  if (bar && total) {
    setBar(bar, run.items);
    row.querySelector(".percent").textContent = `${Math.floor((100 * (succeeded + failed)) / total)} %`;
    row.querySelector(".failures").textContent = failed ? `${grouped(failed)} failed` : "";
  }
}

function isWanted(run) {
  const { first, workflow, status, hidden } = table?.dataset ?? { first: "true", workflow: "", status: "", hidden: "false" };
  if (first !== "true" || hidden === "true" || run.parent) return false;
  return (!workflow || workflow === run.workflow) && (!status || status === run.status);
}

function takeNews({ runs }) {
  for (const run of runs) {
    const row = rowOf(run.run);
    if (row) change(row, run);
    else if (isWanted(run)) fresh.add(run.run);
  }
  if (fresh.size) {
    newer.hidden = false;
    if (!table) document.querySelector(".empty").hidden = true;
    newer.firstElementChild.textContent = `${grouped(fresh.size)} newer run${fresh.size === 1 ? "" : "s"} - show`;
  }
}

follow("/api/v1/stream", { hello: () => {}, run: takeNews });
