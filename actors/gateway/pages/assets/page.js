// What each page has: times in the reader's zone, and keys.
import { useInquiries } from "./inquiries.js";
import { useKeys } from "./keys.js";

const STORE_MS = 5000;

// Times: how long ago up to an hour, else the clock of the reader's own time zone.
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hour12: false });
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const year = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });
const exact = new Intl.DateTimeFormat(undefined, { timeStyle: "medium", hour12: false });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long", hour12: false });

function duration(seconds) {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.floor(seconds);
  const [days, hours, minutes] = [Math.floor(whole / 86400), Math.floor(whole / 3600) % 24, Math.floor(whole / 60) % 60];
  if (days) return `${days} d ${hours} h`;
  if (hours) return `${hours} h ${String(minutes).padStart(2, "0")}`;
  return minutes ? `${minutes} m ${String(whole % 60).padStart(2, "0")}` : `${whole} s`;
}

function localise(root) {
  const now = Date.now();
  for (const element of root.querySelectorAll("time[datetime]")) {
    const at = new Date(element.dateTime);
    const seconds = (now - at) / 1000;
    const today = at.toDateString() === new Date(now).toDateString();
    const thisYear = at.getFullYear() === new Date(now).getFullYear();
    const long = today ? clock.format(at) : thisYear ? `${day.format(at)} ${clock.format(at)}` : year.format(at);
    const known = "clock" in element.dataset ? (today && element.dataset.clock === "s" ? exact.format(at) : long) : null;
    const past = seconds < 1 ? "just now" : seconds < 3600 ? `${duration(seconds)} ago` : long;
    const text = known ?? (seconds < -1 ? long : past);
    if (element.textContent !== text) element.textContent = text;
    element.title = full.format(at);
  }
}

// Menus close when the focus leaves them, and by Escape.
for (const menu of document.querySelectorAll("details.menu")) {
  menu.addEventListener("focusout", ({ relatedTarget }) => {
    if (relatedTarget && !menu.contains(relatedTarget)) menu.open = false;
  });
  menu.addEventListener("keydown", ({ key }) => {
    if (key !== "Escape" || !menu.open) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
}
addEventListener("click", ({ target }) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(target)) menu.open = false;
});

// On a narrow screen, the tabs are scrolled to the one that is shown.
const tabs = document.querySelector(".tabs");
const tab = tabs?.querySelector("[aria-current]");
if (tab) tabs.scrollLeft = tab.offsetLeft + tab.offsetWidth - tabs.offsetLeft - tabs.clientWidth;

// A store that could not be used when the page was made: the page asks until it can. What is typed is kept.
async function lookForStore() {
  if (document.hidden) return;
  const page = await fetch(location.href).then((answer) => answer.text(), () => null);
  if (page === null || page.includes("<body data-store-down>")) return;
  clearInterval(looking);
  delete document.body.dataset.storeDown;
  const banner = document.getElementById("store-down");
  if (banner) banner.hidden = true;
  for (const button of document.querySelectorAll("[aria-describedby=store-down]")) {
    button.disabled = false;
    button.removeAttribute("aria-describedby");
  }
  document.querySelector("a[data-again]")?.click();
}
const looking = "storeDown" in document.body.dataset ? setInterval(lookForStore, STORE_MS) : null;

localise(document);
setInterval(() => localise(document), 10_000);
useKeys();
useInquiries();
