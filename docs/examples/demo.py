"""`make demo`: health-check 1,000 servers on this machine, and scrape the engine's metrics.

Shows how a program uses Stretto: start an engine, submit a run, receive its progress, take its outcome, stop.
Nothing here polls or sleeps: progress arrives as messages, and a future waits for the outcome.
"""

import json
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

import pykka
from local_servers import LocalServers

from stretto.actors import Engine, RunProgressed

EXAMPLES = Path(__file__).parent
SERVERS = 1000
SHOWN_EVERY = SERVERS // 10
PATIENCE_SECONDS = 60
SHOWN = (
    *("stretto_runs_in_progress", "stretto_runs_total", "stretto_items_in_flight", "stretto_items_total"),
    *("stretto_item_duration_seconds_count", "stretto_snapshots_total", "stretto_context_bytes", "stretto_actors"),
)


class Progress(pykka.ThreadingActor):
    """Receives the progress of a run and prints it on the terminal."""

    def __init__(self, task: str, half_way: threading.Event) -> None:
        super().__init__()
        self._task = task
        self._half_way = half_way
        self._began = time.monotonic()
        self._shown = 0

    def on_receive(self, message: Any) -> None:
        """Print the progress, and set the event when half of the items have ended."""
        if not isinstance(message, RunProgressed):
            return
        items = message.tasks[self._task]["items"]
        done = items["succeeded"] + items["failed"]
        if done - self._shown >= SHOWN_EVERY or self._shown < done == items["total"]:
            self._shown = done
            rate = done / (time.monotonic() - self._began)
            line = f"{done:5,}/{items['total']:,} servers checked, {items['failed']:2} failed, {rate:,.0f} a second"
            print(line, file=sys.stderr)
        if done * 2 >= SERVERS or message.status in {"succeeded", "failed", "cancelled"}:
            self._half_way.set()


def show_metrics(title: str, url: str) -> None:
    """Scrape the engine as Prometheus does, and print the relevant lines."""
    with urllib.request.urlopen(url, timeout=PATIENCE_SECONDS) as answer:  # noqa: S310 - the engine's own URL
        lines = answer.read().decode().splitlines()
    print(f"\n{title}: GET {url}")
    for line in lines:
        if line.startswith(SHOWN) and not line.endswith(" 0.0"):
            print(f"  {line}")


def shortened(value: Any) -> Any:
    """Return a result that fits on a screen: of a long list, the first members."""
    if isinstance(value, dict):
        return {name: shortened(member) for name, member in value.items()}
    if isinstance(value, list) and len(value) > 3:
        return [*map(shortened, value[:3]), f"... {len(value) - 3:,} more"]
    return value


def main() -> int:
    """Run the demo and return 0 if its run succeeded."""
    half_way = threading.Event()
    progress = Progress.start("check", half_way)
    engine = Engine.start(definitions=str(EXAMPLES), actions=[str(EXAMPLES / "ops_actions.py")], metrics_port=0).proxy()
    try:
        metrics_url = engine.metrics_url.get()
        with LocalServers(SERVERS) as servers:
            run = engine.submit("health_check", {"servers": servers.addresses}, watcher=progress).get()
            print(f"run {run.id} of {run.workflow} is accepted", file=sys.stderr)
            half_way.wait(PATIENCE_SECONDS)
            show_metrics("Half way", metrics_url)
            outcome = run.outcome.get(timeout=PATIENCE_SECONDS)
        print(f"\nThe run {outcome.status}:")
        print(json.dumps(shortened(outcome.output), indent=2))
        show_metrics("In the end", metrics_url)
    finally:
        engine.stop().get()
        progress.stop()
    return 0 if outcome.status == "succeeded" else 1


if __name__ == "__main__":
    sys.exit(main())
