// The engine's figures: asked for again at each step while the page is seen, which keeps the samples of the hour coming.
import { grouped } from "./marks.js";

const hour = document.getElementById("hour");
const lost = document.getElementById("lost");
const STEP_MS = Number(hour.dataset.step) * 1000;
const HOUR_MS = 3_600_000;
const GAP_MS = 35_000;
const [WIDTH, HEIGHT] = [180, 36];

function duration(seconds) {
  if (seconds < 0.01) return `${Number((seconds * 1000).toPrecision(2))} ms`;
  return seconds < 1 ? `${Math.round(seconds * 1000)} ms` : `${seconds.toFixed(1)} s`;
}

function size(bytes) {
  for (const [unit, ofIt] of [["MB", 1024 * 1024], ["KB", 1024]]) {
    if (bytes >= ofIt) return `${grouped(Math.floor(bytes / ofIt))} ${unit}`;
  }
  return `${bytes} bytes`;
}

const FORMS = {
  count: grouped,
  rate: (rate) => grouped(rate < 10 ? Math.round(rate * 10) / 10 : Math.round(rate)),
  duration,
  bytes: size,
};

// The same line as sparklines.py makes.
function lineOf(samples, now) {
  const most = Math.max(0, ...samples.map((each) => each.value));
  let [path, before] = ["", null];
  for (const { at, value } of samples) {
    const x = WIDTH * (1 - (now - at) / HOUR_MS);
    const y = HEIGHT - 1 - (HEIGHT - 2) * (most > 0 ? value / most : 0);
    path += `${before !== null && at - before <= GAP_MS ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`;
    before = at;
  }
  return path;
}

function change(element, engine, now) {
  const { figure: name, form } = element.dataset;
  const write = FORMS[form];
  const samples = engine.hour.samples
    .map((each) => ({ at: Date.parse(each.at), value: each[name] }))
    .filter(({ at, value }) => value !== null && now - at <= HOUR_MS && at <= now);
  const value = engine.figures[name] ?? samples.at(-1)?.value;
  if (value !== undefined) element.querySelector(".value b").textContent = write(value);
  const limit = engine.limits[name];
  if (limit) element.querySelector(".share .running").setAttribute("width", Math.min((100 * value) / limit, 100));
  if (samples.length < 2) return;
  const values = samples.map((each) => each.value);
  element.querySelector(".spark path").setAttribute("d", lineOf(samples, now));
  element.querySelector(".range").textContent = `last hour: ${write(Math.min(...values))} to ${write(Math.max(...values))}`;
}

async function look() {
  if (document.hidden) return;
  try {
    const answer = await fetch("/api/v1/engine");
    if (!answer.ok) throw new Error(answer.statusText);
    const engine = await answer.json();
    const now = Date.parse(engine.started_at) + engine.uptime_seconds * 1000;
    for (const element of document.querySelectorAll("[data-figure]")) change(element, engine, now);
    lost.hidden = true;
  } catch {
    lost.textContent = "No connection to the daemon. The page shows what was known before.";
    lost.hidden = false;
  }
}

setInterval(look, STEP_MS);
document.addEventListener("visibilitychange", look);
