// A status as a shape, a colour and a word: what templates/marks.html makes on the server.
const SHAPES = {
  running: "running", succeeded: "succeeded", failed: "failed", failing: "failed", timed_out: "failed", abandoned: "failed",
  retrying: "retrying", pausing: "paused", paused: "paused", cancelled: "cancelled", cancelling: "cancelled", cleaning: "cancelled",
};

export const grouped = (number) => number.toLocaleString("en").replaceAll(",", "\u202f");

export function word(status) {
  const text = status.replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

// What is the same is not written again: each write costs a style, a layout or a fetch.
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function setAttribute(element, name, value) {
  if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

export function setBar(svg, { total, succeeded, failed, running }) {
  const scale = 100 / (total || 1);
  let x = 0;
  for (const [name, count] of [["succeeded", succeeded], ["failed", failed], ["running", running]]) {
    const part = svg.querySelector(`.${name}`);
    setAttribute(part, "x", x);
    setAttribute(part, "width", Math.min(count * scale, 100 - x));
    x += count * scale;
  }
}

export const shapeOf = (status) => SHAPES[status] ?? "waiting";

export function setStatus(element, status) {
  const shape = shapeOf(status);
  setAttribute(element, "class", `status ${shape}`);
  setAttribute(element.querySelector("use"), "href", `#m-${shape}`);
  setText(element.lastElementChild, word(status));
}
