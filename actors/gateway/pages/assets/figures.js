// The numbers of a fan-out, live: how many have ended, how fast, and how long the rest will take.
import { grouped, setBar, setText } from "./marks.js";

const WINDOW_MS = 60_000;
const RATE_MS = 10_000;
const [WIDTH, HEIGHT] = [132, 30];
const SECONDS = 60;
const QUIET_MS = 10_000;
const samples = [];
let drawnAt = -Infinity;
let endedAt = null; // when an item was last seen to end
let progress = null;

function duration(seconds) {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.floor(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  if (hours) return `${hours} h ${String(minutes).padStart(2, "0")}`;
  return minutes ? `${minutes} m ${String(whole % 60).padStart(2, "0")}` : `${whole} s`;
}

function rateNow() {
  const last = samples.at(-1);
  const first = samples.find((each) => each.at >= last.at - RATE_MS);
  return last.at > first.at ? (1000 * (last.ended - first.ended)) / (last.at - first.at) : null;
}

function show(id, text) {
  const element = document.getElementById(id);
  element.hidden = text === null;
  if (text !== null) setText(element.firstElementChild, text);
}

function drawSpark() {
  const spark = document.getElementById("spark");
  const last = samples.at(-1).at;
  drawnAt = last;
  const counts = new Array(SECONDS).fill(0);
  for (let at = 1; at < samples.length; at++) {
    const second = SECONDS - 1 - Math.floor((last - samples[at].at) / 1000);
    if (second >= 0) counts[second] += samples[at].ended - samples[at - 1].ended;
  }
  const began = SECONDS - Math.min(SECONDS, Math.ceil((last - samples[0].at) / 1000));
  const known = counts.slice(began, SECONDS - 1);
  spark.toggleAttribute("hidden", known.length < 3);
  if (known.length < 3) return;
  const most = Math.max(...known, 1);
  const points = known.map((count, at) => `${((at * WIDTH) / (known.length - 1)).toFixed(1)} ${(HEIGHT - 2 - (count / most) * (HEIGHT - 4)).toFixed(1)}`);
  spark.querySelector(".line").setAttribute("d", `M${points.join("L")}`);
  spark.querySelector(".area").setAttribute("d", `M0 ${HEIGHT}L${points.join("L")}L${WIDTH} ${HEIGHT}Z`);
  spark.setAttribute("aria-label", `Items a second in the last minute: between ${Math.min(...known)} and ${most}`);
}

export function showFigures({ status, items }) {
  if (!document.getElementById("n-ended")) return;
  const ended = items.succeeded + items.failed;
  const of = items.total ?? ended;
  const counted = document.getElementById("n-ended");
  setText(counted, grouped(ended));
  setText(counted.nextElementSibling, `of ${items.total === null ? "?" : grouped(items.total)} ended`);
  const share = items.failed ? `${((100 * items.failed) / (of || 1)).toFixed(2)} %` : "0 %";
  setText(document.querySelector("#n-failed b"), share);
  setBar(document.querySelector("#focus-bar .bar"), items);
  const now = performance.now();
  if (ended !== samples.at(-1)?.ended) endedAt = now;
  samples.push({ at: now, ended });
  while (samples[0].at < samples.at(-1).at - WINDOW_MS) samples.shift();
  progress = { status, left: items.total === null ? null : items.total - ended };
  const rate = status === "running" ? rateNow() : null;
  if (rate !== null) {
    showRate(rate);
    if (samples.at(-1).at - drawnAt >= 1000) drawSpark(); // a second is a point of it
  }
}

function showRate(rate) {
  const quiet = performance.now() - endedAt;
  const stands = quiet >= QUIET_MS;
  if (!stands && rate === 0) return; // too soon to say that it stands
  show("n-rate", stands ? duration(quiet / 1000) : rate >= 10 ? grouped(Math.round(rate)) : rate.toFixed(1));
  setText(document.querySelector("#n-rate span"), stands ? "without the end of an item" : "items a second");
  show("n-left", !stands && progress.left !== null ? duration(progress.left / rate) : null);
}

// Nothing is heard of a fan-out that stands.
setInterval(() => {
  const stands = progress?.status === "running" && progress.left !== 0 && performance.now() - endedAt >= QUIET_MS;
  if (stands && document.getElementById("n-rate")) showRate(0);
}, QUIET_MS / 2);
