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

// How many runs are selected, and the mark that selects all. Without one, the buttons would lead to a refusal.
const boxes = [...document.querySelectorAll("input[name=run]")];
const all = document.getElementById("all");

function showSelected() {
  const count = boxes.filter((box) => box.checked).length;
  const text = document.getElementById("selected");
  text.textContent = count ? `With ${grouped(count)} selected run${count === 1 ? "" : "s"}:` : text.dataset.none;
  for (const button of document.querySelectorAll(".several button")) button.disabled = !count;
  const box = all.querySelector("input");
  box.checked = count === boxes.length;
  box.indeterminate = count > 0 && count < boxes.length;
}

if (boxes.length) {
  all.hidden = false;
  all.querySelector("input").addEventListener("change", (event) => {
    for (const box of boxes) box.checked = event.target.checked;
    showSelected();
  });
  for (const box of boxes) box.addEventListener("change", showSelected);
  addEventListener("pageshow", showSelected);
  showSelected();
}

follow("/api/v1/stream", { hello: () => {}, run: takeNews });
