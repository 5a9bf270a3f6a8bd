// A status as a shape, a colour and a word: what templates/marks.html makes on the server.
const SHAPES = {
  running: "running", succeeded: "succeeded", failed: "failed", failing: "failed", timed_out: "failed", abandoned: "failed",
  retrying: "retrying", paused: "paused", cancelled: "cancelled", cancelling: "cancelled", cleaning: "cancelled",
};

export const grouped = (number) => number.toLocaleString("en").replaceAll(",", "\u202f");

export function word(status) {
  const text = status.replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export function setBar(svg, { total, succeeded, failed, running }) {
  const scale = 100 / (total || 1);
  let x = 0;
  for (const [name, count] of [["succeeded", succeeded], ["failed", failed], ["running", running]]) {
    const part = svg.querySelector(`.${name}`);
    part.setAttribute("x", x);
    part.setAttribute("width", Math.min(count * scale, 100 - x));
    x += count * scale;
  }
}

export const shapeOf = (status) => SHAPES[status] ?? "waiting";

export function setStatus(element, status) {
  const shape = shapeOf(status);
  element.className = `status ${shape}`;
  element.querySelector("use").setAttribute("href", `#m-${shape}`);
  element.lastElementChild.textContent = word(status);
}
