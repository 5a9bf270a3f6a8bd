"""A chain of tasks that somebody watches, beside one that nobody does."""

from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any

import pykka
from engines import RUN_SECONDS, chain, engine
from measure import Samples, interleave_singly, ratio
from report import Measured, Table, figure, timing
from targets import of_ratio

from stretto.actors.runs import RunProgressed

TASKS = 300
CHAINS = 3
"""Chains in a round, one after the other."""
UNWATCHED, WATCHED = "unwatched", "watched"
ENDED = "succeeded"


class Watcher(pykka.ThreadingActor):
    """Keeps the status of each report of a run."""

    def __init__(self, seen: "SimpleQueue[str]") -> None:
        super().__init__()
        self._seen = seen

    def on_receive(self, message: RunProgressed) -> None:
        """Note a report."""
        self._seen.put(message.status)


def chains(proxy: Any, workflow: Path, watcher: pykka.ActorRef[Any] | None) -> Callable[[], Samples]:
    """Run chains one after the other, from submit to outcome; return a task's seconds, and those of the processor."""

    def case() -> Samples:
        processor, began = process_time(), perf_counter()
        for _ in range(CHAINS):
            handle = proxy.submit(str(workflow), watcher=watcher).get(timeout=RUN_SECONDS)
            outcome = handle.outcome.get(timeout=RUN_SECONDS)
            assert outcome.status == ENDED, outcome
        taken = {"task": perf_counter() - began, "processor": process_time() - processor}
        return {name: [seconds / (CHAINS * TASKS)] for name, seconds in taken.items()}

    return case


def measure(rounds: int) -> Samples:
    """Run watched chains in turn with unwatched ones. Each watched run has to report its end."""
    seen: SimpleQueue[str] = SimpleQueue()
    watcher = Watcher.start(seen)
    with TemporaryDirectory() as folder, engine() as proxy:
        workflow = Path(folder) / "long_chain.yaml"
        workflow.write_text(chain(TASKS, "long_chain"), encoding="utf-8")
        cases = {UNWATCHED: chains(proxy, workflow, None), WATCHED: chains(proxy, workflow, watcher)}
        samples = interleave_singly(cases, rounds)
    watcher.stop()
    reports = [seen.get() for _ in range(seen.qsize())]
    assert reports.count(ENDED) == CHAINS * (rounds + 1), reports
    return samples


def table(samples: Samples) -> Table:
    """Show `measure`."""
    made = Table(
        f"A chain of {TASKS} tasks, watched",
        ["", "a task", "ratio", "processor time", "ratio"],
        "No store. The watcher is an actor with a thread of its own, which keeps the reports' statuses.",
    )
    for name in (UNWATCHED, WATCHED):
        cells = []
        for kind in ("task", "processor"):
            values, unwatched = samples[f"{name}, {kind}"], samples[f"{UNWATCHED}, {kind}"]
            cells += [timing(values, "ms"), f"{ratio(values, unwatched):.2f}"]
        made.add(name, *cells)
    return made


def target(samples: Samples) -> Measured:
    """Compare watched chains with unwatched ones."""
    processor = ratio(samples[f"{WATCHED}, processor"], samples[f"{UNWATCHED}, processor"])
    return of_ratio(samples[f"{WATCHED}, task"], samples[f"{UNWATCHED}, task"], f"processor time {figure(processor)} x")
