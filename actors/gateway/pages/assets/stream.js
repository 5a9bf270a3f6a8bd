import { showCounts } from "./menu.js";
import { INQUIRIES } from "./news.js";

// One stream of events a tab, which is closed while the tab is hidden: a browser has six connections for a host.
const HIDDEN_MS = 5000;

// Call `open` while the tab is seen, and what it returns once the tab has been hidden for a while.
export function whileSeen(open) {
  let close = open();
  let timer = null;
  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (!document.hidden) close ??= open();
    else {
      timer = setTimeout(() => {
        close?.();
        close = null;
      }, HIDDEN_MS);
    }
  });
}

export function follow(path, listeners) {
  const live = document.getElementById("live");
  const lost = document.getElementById("lost");
  let source = null;
  let timer = null;
  let heard = new Date();

  function news(handler) {
    return (event) => {
      heard = new Date();
      showLive();
      handler(JSON.parse(event.data));
    };
  }

  function showLive() {
    live.hidden = false;
    live.classList.remove("off");
    lost.hidden = true;
  }

  function showLost() {
    live.classList.add("off");
    lost.textContent = `No connection to the daemon. The page shows what was known at ${heard.toLocaleTimeString()}.`;
    lost.hidden = false;
  }

  function open() {
    if (source) return;
    source = new EventSource(path);
    for (const [name, handler] of Object.entries(listeners)) source.addEventListener(name, news(handler));
    source.addEventListener("inquiries", news(() => dispatchEvent(new Event(INQUIRIES))));
    source.addEventListener("counts", news(showCounts));
    source.addEventListener("open", () => {
      if (live.classList.contains("off")) dispatchEvent(new Event(INQUIRIES)); // events that were sent meanwhile did not arrive
    });
    source.addEventListener("open", showLive); // a stream that continues says nothing until there is news
    source.addEventListener("bye", () => {
      close();
      showLost();
      timer = setTimeout(open, HIDDEN_MS);
    });
    source.addEventListener("error", () => {
      showLost();
      if (source?.readyState === EventSource.CLOSED) {
        source = null;
        setTimeout(open, HIDDEN_MS);
      }
    });
  }

  function close() {
    source?.close();
    source = null;
  }

  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (document.hidden) timer = setTimeout(close, HIDDEN_MS);
    else open();
  });
  open();
  return close;
}
