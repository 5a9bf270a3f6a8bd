// Keys, as the page /keys lists them. They do nothing while a field has the focus, and can be turned off.
const OFF = "stretto-keys-off";

function isOn() {
  return localStorage.getItem(OFF) === null;
}

function move(step) {
  const rows = [...document.querySelectorAll("a.row")];
  if (!rows.length) return;
  const at = rows.indexOf(document.activeElement);
  const next = at < 0 ? (step > 0 ? 0 : rows.length - 1) : Math.min(Math.max(at + step, 0), rows.length - 1);
  rows[next].focus();
}

function select() {
  document.activeElement?.closest("tr")?.querySelector("input[type=checkbox]")?.click();
}

function search() {
  const field = document.getElementById("search");
  if (field) field.focus();
  else location.assign("/");
}

const ACTIONS = {
  "/": search,
  "?": () => location.assign("/keys"),
  j: () => move(1),
  k: () => move(-1),
  x: select,
};

export function useKeys() {
  const box = document.getElementById("keys-on");
  if (box) {
    box.checked = isOn();
    box.addEventListener("change", () => (box.checked ? localStorage.removeItem(OFF) : localStorage.setItem(OFF, "1")));
  }
  let before = "";
  document.addEventListener("keydown", (event) => {
    const field = event.target.closest?.("input:not([type=checkbox]), select, textarea");
    const types = field?.checkVisibility(); // that of a dialog has the focus for a moment after its end
    if (types || event.ctrlKey || event.metaKey || event.altKey || !isOn() || document.querySelector("dialog[open]")) return;
    const key = event.key;
    const control = [...document.querySelectorAll(`[data-key="${CSS.escape(key)}"]`)].find((each) => each.checkVisibility());
    const page = before === "g" && document.querySelector(`[data-go="${CSS.escape(key)}"]`);
    if (page) page.click();
    else if (control) control.click();
    else if (ACTIONS[key]) ACTIONS[key]();
    else {
      before = key;
      return;
    }
    before = "";
    event.preventDefault();
  });
}
