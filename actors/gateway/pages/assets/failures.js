// Why items failed, live: the groups of a run in progress, as its stream has them.
import { grouped } from "./marks.js";

const groups = new Map();
// The rows that the server has made, by kind and message: their times, and the links to their groups.
const rendered = new Map();
let isRead = false;
const VARYING = /\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b(?=[0-9]*[a-f])(?=[a-f]*[0-9])[0-9a-f]{6,}\b|[0-9]+(?:[.,][0-9]+)*/gi;

const withoutNumbers = (text) => text.replace(VARYING, (found) => (/^[0-9.,]+$/.test(found) ? "#" : "<id>"));

function cell(row, className, ...content) {
  const made = row.appendChild(document.createElement("td"));
  made.className = className;
  made.append(...content);
}

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium", hour12: false });

function linkTo(text, href) {
  const link = document.createElement("a");
  link.href = href;
  link.textContent = text;
  return link;
}

// The server may know the place of a group when the stream does not. Then two rows can have the same text.
function readRendered(body) {
  for (const row of isRead ? [] : body.rows) {
    const kind = row.querySelector(".kind");
    if (!kind) continue;
    const words = `${kind.textContent} ${kind.nextSibling.textContent.trim()}`;
    rendered.set(words, rendered.has(words) ? null : row);
  }
}

function rowOf(group, used) {
  const message = withoutNumbers(group.message);
  const known = rendered.get(`${group.kind} ${message}`);
  if (known && !used.has(known)) {
    used.add(known);
    known.querySelector(".n").textContent = grouped(group.count); // the rest of it stays
    return known;
  }
  const row = document.createElement("tr");
  const kind = document.createElement("span");
  kind.className = "kind";
  kind.textContent = group.kind;
  cell(row, "", kind, ` ${message}`);
  cell(row, "n", grouped(group.count));
  cell(row, "c-first", group.at ? clock.format(new Date(group.at)) : "");
  const show = new URLSearchParams({ task: group.task, item: group.first, ...(group.id ? { group: group.id } : { state: "failed" }) });
  const { rerun } = document.getElementById("errs").dataset;
  const again = rerun && group.id ? [" ", linkTo("Rerun these…", `${rerun}?error_group=${group.id}`)] : [];
  cell(row, "c-do", linkTo("Show", `?${show}`), ...again);
  return row;
}

export function showFailures(news, task) {
  const place = document.getElementById("errs");
  if (!place) return;
  const heard = isRead ? new Date().toISOString() : null; // the first message may be about failures of long ago
  for (const group of news) {
    const key = JSON.stringify([group.kind, withoutNumbers(group.message), group.where]);
    if (group.task !== task) continue;
    if (group.count) groups.set(key, { at: groups.get(key)?.at ?? heard, ...group });
    else groups.delete(key);
  }
  const body = place.querySelector("tbody");
  readRendered(body);
  isRead = true;
  place.hidden = !groups.size;
  place.querySelector("table").hidden = !groups.size;
  for (const note of place.querySelectorAll("p")) note.hidden = true;
  const ordered = [...groups.values()].toSorted((one, other) => other.count - one.count);
  const used = new Set();
  body.replaceChildren(...ordered.map((group) => rowOf(group, used)));
}

// The groups of a run that has more failed items than the page waits for.
export async function loadFailures(path, task) {
  if (!document.querySelector("#errs:not([hidden]) > table[hidden]")) return;
  try {
    const answer = await fetch(`${path}/errors?task=${encodeURIComponent(task)}`);
    if (!answer.ok) return;
    const found = (await answer.json()).groups;
    showFailures(found.map((group) => ({ ...group, first: group.first.index, at: group.first.at })), task);
  } catch {
    // The link to the groups stays.
  }
}
