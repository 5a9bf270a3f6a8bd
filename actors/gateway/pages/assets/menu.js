// The counts of the menu. A stream brings those of triggers as numbers; a page without one asks for all of them.
const shown = new Map([...document.querySelectorAll("[data-menu]")].map((element) => [element.dataset.menu, element]));

export const hasCounts = shown.size > 0;

// As menu.py's short_number does.
function short(number) {
  if (number < 1000) return number ? `${number}` : "";
  const unit = number < 1e6 ? "k" : number < 1e9 ? "M" : "G";
  const tenths = Math.floor(number / { k: 100, M: 1e5, G: 1e8 }[unit]);
  return (tenths < 100 ? `${Math.floor(tenths / 10)}.${tenths % 10}` : `${Math.floor(tenths / 10)}`) + unit;
}

function show(name, text) {
  const element = shown.get(name);
  if (!element) return;
  element.hidden = !text;
  element.firstElementChild.textContent = text;
}

export function showCounts({ sensors_running: sensors, sensors_failing: failing, rules, schedules, events }) {
  for (const [name, number] of Object.entries({ sensors, failing, rules, schedules, events })) show(name, short(number));
}

export async function askForCounts() {
  const answer = await fetch("/menu");
  if (!answer.ok || answer.redirected) return;
  for (const [name, text] of Object.entries(await answer.json())) show(name, text);
}
