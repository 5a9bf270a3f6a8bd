// The inquiries that wait: their number in the menu, and the questions of the run that the page shows.
import { askForCounts, hasCounts } from "./menu.js";
import { INQUIRIES } from "./news.js";

const EVERY_MS = 15_000;
const MOST = 5;

const questions = document.getElementById("questions");

function made(name, text, className = "") {
  const element = document.createElement(name);
  if (className) element.className = className;
  element.textContent = text;
  return element;
}

// What templates/related.html makes on the server.
function question({ id, run, task, prompt, asked_at: at }) {
  const line = made("p", "", "notice");
  const what = made("span", "", "what");
  const time = made("time", new Date(at).toLocaleTimeString(undefined, { hour12: false }));
  time.dateTime = at;
  time.dataset.clock = "s";
  what.append(made("b", task));
  if (run !== questions.dataset.run) {
    const link = made("a", run.slice(-8), "mono");
    link.href = `/runs/${encodeURIComponent(run)}`;
    what.append(" of ", link);
  }
  what.append(" waits for an answer since ", time);
  if (prompt) what.append(": ", made("q", prompt.slice(0, 300)));
  const link = made("a", questions.dataset.label, "b");
  link.href = `/inquiries/${encodeURIComponent(id)}`;
  link.append(made("span", ` the inquiry of ${task}`, "sr"));
  line.append(what, link);
  return line;
}

async function listed(name, query) {
  const answer = await fetch(`/api/v1/${name}?${new URLSearchParams({ ...query, limit: MOST })}`);
  return answer.ok ? (await answer.json())[name] : [];
}

async function showQuestions() {
  const { run, hasList } = questions.dataset; // without a store, there is no list of runs
  const below = hasList === "true" ? await listed("runs", { parent: run, status: "running" }) : [];
  const runs = [run, ...below.map(({ id }) => id)];
  const inquiries = (await Promise.all(runs.map((each) => listed("inquiries", { run: each, status: "pending" })))).flat();
  questions.replaceChildren(...inquiries.slice(0, MOST).map(question));
  questions.hidden = !inquiries.length;
}

let asking = false;
let again = false;

// One request at a time. A change during a request leads to another one after it. The stream reports a lost connection.
async function show() {
  again = asking;
  if (asking || document.hidden) return;
  asking = true;
  await Promise.allSettled([hasCounts && askForCounts(), questions && showQuestions()]);
  asking = false;
  if (again) show();
}

// A page with a stream gets an event for each change. A page without one asks again and again.
export function useInquiries() {
  if (!hasCounts && !questions) return;
  addEventListener(INQUIRIES, show);
  document.addEventListener("visibilitychange", show);
  if (!document.getElementById("live")) setInterval(show, EVERY_MS);
}
