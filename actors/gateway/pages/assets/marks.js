// A status as a shape, a colour and a word: what templates/marks.html makes on the server.
const SHAPES = {
  running: "running", succeeded: "succeeded", failed: "failed", failing: "failed", timed_out: "failed",
  retrying: "retrying", paused: "paused", cancelled: "cancelled", cancelling: "cancelled", cleaning: "cancelled",
};
const ENDED = new Set(["succeeded", "failed", "cancelled"]);

export const hasEnded = (status) => ENDED.has(status);

export const grouped = (number) => number.toLocaleString("en").replaceAll(",", "\u202f");

export function word(status) {
  const text = status.replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export function setStatus(element, status) {
  const shape = SHAPES[status] ?? "waiting";
  element.className = `status ${shape}`;
  element.querySelector("use").setAttribute("href", `#m-${shape}`);
  element.lastElementChild.textContent = word(status);
}
