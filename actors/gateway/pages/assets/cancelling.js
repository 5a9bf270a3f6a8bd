// The dialog that asks before a cancellation: what it would stop is counted as it opens. Without script the link leads
// to a page that says the same.
import { grouped } from "./marks.js";

export function useCancelDialog(runPath) {
  const dialog = document.getElementById("cancel");
  const link = document.querySelector('a[data-key="c"]');
  if (!dialog || !link) return;
  const effect = document.getElementById("cancel-effect");

  function described({ items, not_started: left, policy }) {
    const [is, are] = [items === 1 ? "item in flight is" : "items in flight are", left === 1 ? "is" : "are"];
    const end = policy === "cancel_running" ? "stopped" : "finished";
    return `${grouped(items)} ${is} ${end}, ${grouped(left)} ${are} not started. Policy of the workflow: ${policy}`;
  }

  async function count() {
    effect.textContent = "Counting…";
    try {
      const answer = await fetch(`${runPath}/cancel?dry_run=1`, {
        method: "POST",
        headers: { "Content-Type": "application/json", "X-CSRF-Token": dialog.querySelector("[name=csrf]").value },
        body: "{}",
      });
      const found = await answer.json();
      effect.textContent = answer.ok ? described(found) : found.detail;
    } catch {
      effect.textContent = "No connection to the daemon.";
    }
  }

  link.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    dialog.showModal();
    count();
  });
}
