// The panel of an item: copy a value, follow the output of a process, stay where one is when another item is opened.
import { whileSeen } from "./stream.js";

const MOST_CHARACTERS = 64 * 1024;
const KEPT = "stretto-scroll";

function useCopies() {
  for (const button of document.querySelectorAll("[data-copy]")) {
    if (!navigator.clipboard) continue; // a page without TLS has none, but for loopback
    button.hidden = false;
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
        button.textContent = "Copied";
      } catch {
        button.textContent = "Not allowed";
      }
    });
  }
}

// A value that takes time is asked for by a click, and then stands in place of its link.
function useValues() {
  for (const link of document.querySelectorAll("a[data-value]")) {
    link.addEventListener("click", async (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      const shown = document.createElement("pre");
      shown.tabIndex = 0;
      shown.ariaLabel = "Input";
      shown.textContent = "…";
      link.replaceWith(shown);
      try {
        const answer = await fetch(link.href);
        const found = await answer.json();
        shown.textContent = (answer.ok ? JSON.stringify(found, null, 2) : found.detail).slice(0, MOST_CHARACTERS);
      } catch {
        shown.replaceWith(link);
      }
    });
  }
}

function followOutput() {
  const text = document.getElementById("output-text");
  if (!text?.dataset.follow) return;
  function show(added, before) {
    if (!added) return;
    document.getElementById("output-block").hidden = false;
    const isAtEnd = text.scrollTop + text.clientHeight > text.scrollHeight - 24;
    text.textContent = (before + added).slice(-MOST_CHARACTERS);
    if (isAtEnd) text.scrollTop = text.scrollHeight;
  }
  whileSeen(() => {
    const source = new EventSource(text.dataset.follow);
    source.addEventListener("output", ({ data }) => {
      const { stdout, stderr } = JSON.parse(data);
      show(`${stdout ?? ""}${stderr ?? ""}`, "");
    });
    source.addEventListener("more", ({ data }) => {
      const { stdout, stderr, left_out: leftOut } = JSON.parse(data);
      show(`${leftOut ? "\n…\n" : ""}${stdout ?? ""}${stderr ?? ""}`, text.textContent);
    });
    source.addEventListener("ended", () => source.close());
    addEventListener("pagehide", () => source.close());
    return () => source.close();
  });
}

// Another item or filter of the same run is another page: it begins where this one was.
function keepPlace() {
  const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
  sessionStorage.removeItem(KEPT);
  if (kept?.path === location.pathname && !location.hash) scrollTo(0, kept.y);
  addEventListener("pagehide", () => sessionStorage.setItem(KEPT, JSON.stringify({ path: location.pathname, y: scrollY })));
}

export function usePanel() {
  keepPlace();
  useCopies();
  useValues();
  followOutput();
}
